"""`muduo segment`: clicks, boxes, scribbles and masks in; label map, figures, session and picture out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2_muduo.cli import segment_serve
from nnunetv2_muduo.cli.arguments import device_of, require_folder_place

if TYPE_CHECKING:
    from nnunetv2_muduo.prompting.case_prompts import PromptSource, TypedPoint
    from nnunetv2_muduo.prompting.organ_model import OrganModel
    from nnunetv2_muduo.prompting.segment_case import Asked, CaseFiles, Segmenter

TEACHER = "small_pet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `muduo segment`."""
    add = parser.add_argument
    add("images", nargs="*", type=Path, metavar="IMAGE", help="PET in SUV, or CT in HU where the teacher is for CT")
    add(
        "--prompts",
        type=prompt_source,
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="prompts: JSON of autoPET IV, Grand Challenge, 3D Slicer or a session, .fcsv, .npz of CVPR 2025, or a mask; or a "
        "folder with such files for each case; NAME is the object's; may be repeated",
    )
    points = {"type": point, "action": "append", "default": [], "metavar": "[NAME=]X,Y,Z"}
    add("--point", help="a click in mm (LPS); may be repeated; --point=-80,0,240 where x is negative", **points)
    add("--negative-point", help="a click where the object is not; may be repeated", **points)
    add("--ct", type=Path, metavar="CT", help="CT in HU beside the PET, or a folder with one for each case")
    add("--teacher", default=TEACHER, help="name, file, or a threshold such as threshold:0.41 (default: %(default)s)")
    add(
        "--ct-teacher",
        metavar="TEACHER",
        help="a second one, for the CT beside the PET (default: the CT is only shown)",
    )
    add("--modality", choices=("ct", "pet"), help="of a teacher whose file doesn't say it; not with --serve")
    add(
        "--spacing",
        type=float,
        metavar="MM",
        help="voxel size that teachers given as files were trained at; not with --serve",
    )
    add(
        "--organs",
        type=Path,
        metavar="MODEL",
        help="folder of a trained nnU-Net: the first answer, which clicks then correct",
    )
    add("--organ", metavar="NAME", help="organ of this model that every object is (default: the object's name)")
    add("--probabilities", action="store_true", help="also write each object's probabilities")
    add("--dry-run", action="store_true", help="only tell which voxel and which SUV or HU every prompt hits")
    add(
        "--suv-max",
        type=float,
        default=10.0,
        metavar="SUV",
        help="upper end of the PET's gray values (default: %(default)s)",
    )
    add("-device", default=None, help="cuda, cpu or mps (default: cuda where there is one; with --serve always cpu)")
    add("-o", dest="output", type=Path, metavar="OUT", help="folder to write")
    segment_serve.add_arguments(parser)


def prompt_source(text: str) -> "PromptSource":
    """Parse an argument FILE or NAME=FILE; a file whose own name has the sign is taken as it is."""
    from nnunetv2_muduo.prompting.case_prompts import PromptSource

    name, separator, file = text.partition("=")
    if not separator or "/" in name or Path(text).exists():
        return PromptSource(Path(text))
    if not (name and file):
        raise argparse.ArgumentTypeError(f"expected FILE or NAME=FILE, found {text!r}")
    return PromptSource(Path(file), name)


def point(text: str) -> tuple[str | None, tuple[float, ...]]:
    """Parse an argument X,Y,Z or NAME=X,Y,Z."""
    name, separator, numbers = text.rpartition("=")
    try:
        xyz_mm = tuple(float(number) for number in numbers.split(","))
    except ValueError:
        xyz_mm = ()
    if len(xyz_mm) != 3 or not all(abs(mm) < 1e6 for mm in xyz_mm) or (separator and not name):
        raise argparse.ArgumentTypeError(f"expected three numbers X,Y,Z in mm, or NAME=X,Y,Z, found {text!r}")
    return name or None, xyz_mm


def run(args: argparse.Namespace) -> int:
    """Serve a page, segment, or tell what prompts hit; 0 on success."""
    from nnunetv2_muduo.prompting.segment_case import find_cases
    from nnunetv2_muduo.prompting.teachers import modality_of_teacher

    if args.serve:
        return segment_serve.run(args)
    _require_enough(args)
    modality = modality_of_teacher(args.teacher, args.modality)
    if args.ct is not None and modality == "ct":
        raise ValueError(f"--ct is a CT beside a PET, but the teacher {args.teacher} is for CT: give the CT as IMAGE.")
    if args.ct_teacher is not None and args.ct is None:
        raise ValueError("--ct-teacher is asked about the CT beside a PET: give it with --ct.")
    cases = find_cases(args.images, modality, args.ct)
    asked = _asked(args)
    if args.dry_run:
        return _dry_run(cases, asked)
    if args.output is None:
        raise ValueError("Name a folder to write with -o, or see with --dry-run what the prompts hit.")
    require_folder_place(args.output)
    return _segment(args, cases, asked)


def _require_enough(args: argparse.Namespace) -> None:
    if not args.images:
        raise ValueError("Name an image: muduo segment IMAGE --prompts FILE -o OUT.")
    if not (args.prompts or args.point or args.negative_point or args.organs):
        raise ValueError("There is nothing to answer: give --prompts, --point or --organs.")
    if args.spacing is not None and not 0.1 <= args.spacing <= 100:
        raise ValueError(f"--spacing is a voxel size in mm from 0.1 to 100, found {args.spacing:g}.")
    if args.organ is not None and args.organs is None:
        raise ValueError("--organ names an organ of a model: give the model with --organs.")


def _asked(args: argparse.Namespace) -> "Asked":
    from nnunetv2_muduo.prompting.segment_case import Asked

    for source in args.prompts:
        if not source.path.exists():
            raise FileNotFoundError(f"There is no file or folder of prompts {source.path}.")
    return Asked(args.prompts, _points(args.point, True) + _points(args.negative_point, False), args.organ)


def _points(named: list[tuple[str | None, tuple[float, ...]]], positive: bool) -> "list[TypedPoint]":
    from nnunetv2_muduo.prompting.case_prompts import TypedPoint
    from nnunetv2_muduo.prompting.prompt_files.file_prompt import ONLY_OBJECT

    return [TypedPoint(xyz_mm, positive, name or ONLY_OBJECT) for name, xyz_mm in named]


def _dry_run(cases: "list[CaseFiles]", asked: "Asked") -> int:
    """Print a line for each prompt; 1 where one lies outside its image."""
    from nnunetv2_muduo.prompting.case_prompts import prompts_of_case
    from nnunetv2_muduo.prompting.dry_run import OUTSIDE, hits
    from nnunetv2_muduo.prompting.segment_case import read_case
    from nnunetv2_muduo.prompting.space import ImageSpace

    lines = []
    for case in cases:
        images = read_case(case)
        space = ImageSpace.of(images[case.modality])
        here = hits(prompts_of_case(case.name, asked.sources, asked.points, space), images)
        print("\n  ".join((f"{case.name} ({case.image}):", *here)))
        lines += here
    return int(any(OUTSIDE in line for line in lines))


def _segment(args: argparse.Namespace, cases: "list[CaseFiles]", asked: "Asked") -> int:
    """Segment case by case; what can't be segmented is said at the end, after all others were."""
    from tqdm import tqdm

    from nnunetv2_muduo.cli.segment_results import results_text, write_results

    segmenter = _segmenter(args, asked)
    rows, problems = [], []
    for case in tqdm(cases, "segmenting", unit="case", disable=len(cases) == 1):
        try:
            segmented = segmenter.segment(case)
        except (FileNotFoundError, ValueError) as error:
            problems.append(f"{case.name}: {error}" if len(cases) > 1 else str(error))
            continue
        rows += segmented.rows
        write_results(segmented, rows, args.output, args.probabilities, args.suv_max)
    if rows:
        print(results_text(rows, args.output))
    if problems:
        raise ValueError("\n".join(problems))
    return 0


def _segmenter(args: argparse.Namespace, asked: "Asked") -> "Segmenter":
    from nnunetv2_muduo.prompting.segment_case import Segmenter
    from nnunetv2_muduo.prompting.session import PromptSession
    from nnunetv2_muduo.prompting.teachers import promptable

    device = str(device_of(args))
    organ_model = None if args.organs is None else _organ_model(args.organs, device)
    teacher = promptable(args.teacher, args.modality, _spacing_mm(args.teacher, args.spacing), device)
    ct_teacher = args.ct_teacher and promptable(
        args.ct_teacher, "ct", _spacing_mm(args.ct_teacher, args.spacing), device
    )
    return Segmenter(PromptSession(teacher, ct_teacher), ct_teacher is not None, asked, organ_model)


def _organ_model(folder: Path, device: str) -> "OrganModel":
    from nnunetv2_muduo.prompting.organ_model import OrganModel

    return OrganModel(folder, device)


def _spacing_mm(teacher: str, spacing_mm: float | None) -> float | None:
    """Of a file; the spacing of teachers with a name is known."""
    from nnunetv2_muduo.teachers.registry import TEACHERS

    return None if teacher in TEACHERS else spacing_mm
