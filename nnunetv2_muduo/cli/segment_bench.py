"""`muduo segment-bench`: sessions of robots, or of official clicks, run and scored by the field's rules."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2_muduo.cli.arguments import require_folder_place

if TYPE_CHECKING:
    import pandas as pd

    from nnunetv2_muduo.prompting.answers import Promptable
    from nnunetv2_muduo.prompting.protocols import Protocol
    from nnunetv2_muduo.prompting.users import User

PROTOCOLS, ROBOTS = ("autopet4", "autopet5", "cvpr2025"), ("center", "random", "border")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo segment-bench`."""
    add = parser.add_argument
    add(
        "images",
        type=Path,
        metavar="IMAGES",
        help="folder of PET in SUV (or CT in HU), <case>.nii.gz or nnU-Net's <case>_0001.nii.gz (<case>_0000.nii.gz)",
    )
    add("truth", type=Path, metavar="TRUTH", help="folder of true label maps with the cases' names")
    add(
        "--protocol",
        choices=PROTOCOLS,
        default=PROTOCOLS[0],
        help="autopet4: 0 to 10 pairs of clicks; autopet5: 0 to 5 scribbles; cvpr2025: a box and 5 clicks (default: %(default)s)",
    )
    users = parser.add_mutually_exclusive_group()
    users.add_argument(
        "--clicks", type=Path, metavar="ZIP_OR_DIR", help="autoPET IV's official clicks, <case>_clicks.json"
    )
    users.add_argument(
        "--robot", choices=ROBOTS, default=ROBOTS[0], help="who clicks or draws in the errors (default: %(default)s)"
    )
    add(
        "--teacher",
        nargs="+",
        default=["small_pet"],
        metavar="[NAME=]TEACHER",
        help="names, files or thresholds (threshold:0.41), PET+CT for two together; the first is compared with each other "
        "one (default: small_pet)",
    )
    add("--labels", type=Path, metavar="dataset.json", help="label names (default: as for muduo evaluate)")
    add("-device", default="cpu", help="where networks run (default: %(default)s)")
    add(
        "-o",
        dest="output",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder for steps.csv, sessions.csv, comparison.csv, curves.png and bench.md",
    )


def run(args: argparse.Namespace) -> int:
    """Run all sessions, print the table and write all files; 0 on success."""
    import pandas as pd
    from tqdm import tqdm

    from nnunetv2_muduo.evaluation.cases import find_labels, list_images
    from nnunetv2_muduo.prompting.benchmark import find_cases, run_case
    from nnunetv2_muduo.prompting.protocols import PROTOCOLS as RULES
    from nnunetv2_muduo.prompting.session import PromptSession

    require_folder_place(args.output)
    protocol, truths = RULES[args.protocol], list_images(args.truth)
    user_of = _users(args, protocol, list(truths))
    organs = find_labels(args.labels, (args.truth, args.truth.resolve().parent), truths.values()).organs
    plan = []  # all that may be wrong is found before any work begins
    for method, parts in _teachers(args):
        cases = find_cases(args.images, args.truth, [teacher.modality for teacher in parts])
        plan.append((method, PromptSession(*parts), cases))
    rows = [
        {"method": method, **row}
        for method, session, cases in plan
        for case in tqdm(cases, method, unit="case", disable=None)
        for row in run_case(session, case, organs, protocol, user_of)
    ]
    print(_write(pd.DataFrame(rows), protocol, args.output))
    return 0


def _users(args: argparse.Namespace, protocol: "Protocol", cases: list[str]) -> "Callable[[str, str], User]":
    """Who clicks, by case and object.

    Raises:
        FileNotFoundError, ValueError: official clicks that a protocol doesn't take, or that cases lack; these are counted.
    """
    from nnunetv2_muduo.prompting.benchmark import seed_of
    from nnunetv2_muduo.prompting.official_clicks import ENDING, read_official_clicks
    from nnunetv2_muduo.prompting.users import official_user

    if args.clicks is None:
        return lambda case, organ: protocol.robot(args.robot, seed_of(case, organ))
    if not protocol.takes_clicks:
        raise ValueError(f"--clicks are autoPET IV's. Leave them out for --protocol {args.protocol}, or name autopet4.")
    clicks = read_official_clicks(args.clicks)
    missing = [f"{case}{ENDING}" for case in cases if case not in clicks]
    if missing:
        raise FileNotFoundError(f"{len(missing)} file(s) are not in {args.clicks}: {', '.join(missing)}")
    return lambda case, organ: official_user(clicks[case])


def _teachers(args: argparse.Namespace) -> "Iterator[tuple[str, list[Promptable]]]":
    """Names, and the one or two teachers of each. Raises ValueError for a name that stands twice."""
    from nnunetv2_muduo.prompting.teachers import promptable

    seen = set()
    for text in args.teacher:
        name, separator, source = text.partition("=")
        name, source = (name, source) if separator else (Path(text).name, text)
        if name in seen:
            raise ValueError(f"Two teachers have the name {name}. Write NAME={source} for one of them.")
        seen.add(name)
        pet, *ct = source.split("+")
        yield name, [promptable(pet, device=args.device), *(promptable(one, "ct", device=args.device) for one in ct)]


def _write(steps: "pd.DataFrame", protocol: "Protocol", folder: Path) -> str:
    """All files; returns the text of bench.md."""
    from nnunetv2_muduo.evaluation.output import write_csv_files
    from nnunetv2_muduo.prompting.benchmark_tables import NAMES, compared, table_of_sessions, text_of
    from nnunetv2_muduo.storage import write_text
    from nnunetv2_muduo.visualization.prompting_curves import plot_curves

    sessions = table_of_sessions(steps, protocol)
    comparison = compared(sessions, protocol)
    text = text_of(sessions, comparison, protocol)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv_files(folder, {"steps": steps, "sessions": sessions, "comparison": comparison})
    titles = {measure: NAMES[measure] for measure in protocol.measures}
    plot_curves(steps, titles, protocol.title, protocol.of_a_step, folder / "curves.png")
    write_text(text, folder / "bench.md")
    return text
