"""`muduo segment --serve`: the click tool in a browser."""

import argparse


def port(text: str) -> int:
    """Number of a port; 0: any that is free."""
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 (any that is free) to 65535")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the server, beside those of `muduo segment`."""
    add = parser.add_argument
    add("--serve", action="store_true", help="open a page to click in, for a browser on this machine")
    add(
        "--port",
        type=port,
        default=8765,
        help="with --serve: where it listens; 0 takes any free one (default: %(default)s)",
    )
    add(
        "--host",
        default="127.0.0.1",
        help="with --serve: another address than this machine's own lets others in, unencrypted (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; 0."""
    from nnunetv2_muduo.prompting.server import serve

    if len(args.images) > 1:
        raise ValueError("The page shows one image: give one, and open others there.")
    serve(next(iter(args.images), None), args.ct, args.teacher, args.ct_teacher, args.host, args.port)
    return 0
