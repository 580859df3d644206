"""`muduo teacher fetch`: download the public teachers beforehand, for this machine or for one without network."""

import argparse

from nnunetv2_muduo.cli.examples import with_examples
from nnunetv2_muduo.teachers.registry import PUBLIC, TEACHERS

_HELP = "download the public teachers beforehand, for this machine or for one without network"
WHICH = (*PUBLIC, "all", *PUBLIC.values())


def add_arguments(commands) -> None:
    """`fetch` among the commands of `muduo teacher`."""
    fetch = commands.add_parser("fetch", help=_HELP, description=_HELP, **with_examples("teacher fetch"))
    fetch.add_argument(
        "which",
        nargs="*",
        default=["all"],
        type=_which,
        metavar="TEACHER",
        help=f"any of {', '.join(WHICH)} (default: all)",
    )


def _which(text: str) -> str:
    if text not in WHICH:
        raise argparse.ArgumentTypeError(f"{text!r} is no public teacher: give any of {', '.join(WHICH)}")
    return text


def run(args: argparse.Namespace) -> int:
    """Download, open and compare each; say where it lies and how another machine gets it. The exit code is 1 where one fails."""
    errors = [error for name in _names(args.which) if (error := _fetch(name)) is not None]
    if errors:
        raise RuntimeError("\n".join(map(str, errors)))
    return 0


def _names(which: list[str]) -> list[str]:
    if "all" in which:
        return list(PUBLIC.values())
    return list(dict.fromkeys(PUBLIC.get(one, one) for one in which))


def _fetch(name: str) -> Exception | None:
    """Fetch one teacher and print about it; the error, so that the others are tried as well."""
    from nnunetv2_muduo.teachers.weights import inspect_teacher

    try:
        teacher = inspect_teacher(name)
    except (OSError, ValueError) as error:
        return error
    print(_about(name, teacher))
    return None


def _about(name: str, teacher) -> str:
    from nnunetv2_muduo.teachers.first_sight import commit_of, record_file

    spec = TEACHERS[name]
    return (
        f"{name}, the public {spec.modality.upper()} teacher: {teacher.path}\n"
        f"  revision {commit_of(teacher.path) or spec.revision} of {spec.repo_id}\n"
        f"  sha256 {teacher.sha256}, as first seen ({record_file()})\n"
        f"  {teacher.path.stat().st_size:,} bytes, image of {teacher.image_size} voxels, license: {spec.license}\n"
        f"Trainings on this machine find it, also with HF_HUB_OFFLINE=1. For another machine:\n"
        f"    scp {teacher.path} MACHINE:/path/to/{spec.file_name}\n"
        f"and in the MuDuo config there:\n"
        f"    {spec.modality}_teacher: /path/to/{spec.file_name}\n"
    )
