"""The `muduo` command: one sub-command per job, each imported only when it is called.

A command module provides `add_arguments(parser)`, which imports nothing heavy, and `run(args) -> int`, the exit code.
"""

import argparse
import importlib
import sys

from nnunetv2_muduo import __version__
from nnunetv2_muduo.cli.examples import with_examples
from nnunetv2_muduo.cli.mistakes import MISTAKES, sentence

COMMANDS = {  # name: (module, one line of help)
    "phantom": ("nnunetv2_muduo.cli.phantom", "write a synthetic whole-body PET/CT cohort in AutoPET's layout"),
    "convert": (
        "nnunetv2_muduo.cli.convert",
        "turn AutoPET or your own PET/CT into an nnU-Net raw dataset",
    ),
    "check": ("nnunetv2_muduo.cli.check", "find what would go wrong in a training before it starts"),
    "prepare": (
        "nnunetv2_muduo.cli.prepare",
        "preprocess unlabeled cases, train the prompt generator, make prompt maps",
    ),
    "teacher": (
        "nnunetv2_muduo.cli.teacher",
        "get the public teachers beforehand, adapt one to your data, or train one from scratch",
    ),
    "segment": (
        "nnunetv2_muduo.cli.segment",
        "turn clicks, boxes, scribbles and masks into masks with their SUV and volume",
    ),
    "postprocess": ("nnunetv2_muduo.cli.postprocess", "remove predicted parts that lie far from their organ"),
    "evaluate": ("nnunetv2_muduo.cli.evaluate", "measure predictions against the truth, per organ and case"),
    "figure": ("nnunetv2_muduo.cli.figure", "draw CT and PET with the organs' contours for a paper"),
    "segment-bench": (
        "nnunetv2_muduo.cli.segment_bench",
        "score promptable networks and thresholds, click by click, by the field's rules",
    ),
    "report": ("nnunetv2_muduo.cli.report", "show a training in one HTML file"),
    "export": ("nnunetv2_muduo.cli.export", "make a model that people without this package can use"),
    "demo": ("nnunetv2_muduo.cli.demo", "see all of this on a generated cohort, in a few minutes on two cores"),
}


def build_parser(selected: str | None) -> argparse.ArgumentParser:
    """Parser with all sub-commands; only the selected one's module is imported for its arguments."""
    parser = argparse.ArgumentParser(prog="muduo", description=sys.modules["nnunetv2_muduo"].__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_text) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_text, description=help_text, **with_examples(name))
        if name == selected:
            importlib.import_module(module).add_arguments(subparser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command. Users' mistakes end with a sentence and exit code 1, not with a traceback; see `mistakes`."""
    argv = sys.argv[1:] if argv is None else argv
    selected = next((word for word in argv if word in COMMANDS), None)
    args = build_parser(selected).parse_args(argv)
    try:
        return importlib.import_module(COMMANDS[args.command][0]).run(args)
    except MISTAKES as error:
        sys.stdout.flush()  # so that the cause is the last line, in a log too
        print(f"muduo {args.command}: {sentence(error)}", file=sys.stderr, flush=True)
        return 1
