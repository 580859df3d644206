"""`muduo teacher`: get the public teachers beforehand; adapt one, or train one from scratch; fine-tune a 2D SAM for CFR."""

import argparse
from dataclasses import asdict
from pathlib import Path

from nnunetv2_muduo.cli import teacher_fetch, teacher_train2d
from nnunetv2_muduo.cli.arguments import claim_training, device_of, require_folder_place
from nnunetv2_muduo.cli.examples import with_examples
from nnunetv2_muduo.teachers.registry import PUBLIC

FROM_SCRATCH_LR, FINE_TUNING_LR = 8e-4, 8e-5  # as SAM-Med3D was trained, and fine-tuned
_TRAIN_HELP = "adapt a public teacher to other scanners or tracers, or train one from scratch"
_DATA_HELP = "id, name or folder (raw or preprocessed) of nnU-Net datasets, or folders in AutoPET's layout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `muduo teacher`."""
    commands = parser.add_subparsers(dest="teacher_command", required=True, metavar="COMMAND")
    teacher_fetch.add_arguments(commands)
    teacher_train2d.add_arguments(commands)
    train = commands.add_parser("train", help=_TRAIN_HELP, description=_TRAIN_HELP, **with_examples("teacher train"))
    train.add_argument("--modality", choices=("ct", "pet"), required=True)
    train.add_argument("--data", nargs="+", required=True, metavar="DATASET", help=_DATA_HELP)
    train.add_argument("-o", "--out", type=Path, required=True, help="folder for checkpoints, figures and cache")
    start = train.add_mutually_exclusive_group()
    start.add_argument(
        "--init", default=None, metavar="TEACHER", help="name or file to begin with (default: by modality)"
    )
    start.add_argument(
        "--scratch",
        metavar="SIZE",
        help="begin with random weights: small, public, or a JSON file with fields of Sam3DConfig",
    )
    train.add_argument("--c", action="store_true", help="continue the training in OUT; repeat the other arguments")
    train.add_argument(
        "--val-fraction", type=float, default=0.2, help="of the patients, held out (default: %(default)s)"
    )
    train.add_argument("--noisy-labels", type=Path, metavar="LIST", help="file with the cases whose labels are unsure")
    train.add_argument("-device", default=None, help="cuda, cpu or mps (default: cuda where there is one)")
    _add_recipe(train.add_argument_group("recipe (defaults: SAM-Med3D's fine-tuning)"))


def _add_recipe(group) -> None:
    group.add_argument("--spacing", type=float, nargs="+", default=[1.5], metavar="MM", help="one, or a range")
    group.add_argument("--iterations", type=int, default=10_000)
    group.add_argument("--batch-size", type=int, default=12, help="crops of an update (default: %(default)s)")
    group.add_argument("--crops-at-once", type=int, default=1, help="crops in memory at once (default: %(default)s)")
    group.add_argument("--rounds", type=int, default=11, help="prompts per organ (default: %(default)s)")
    group.add_argument("--keep-clicks", action="store_true", help="rounds repeat earlier clicks")
    group.add_argument("--first-points", type=int, default=1, help="up to this many points at once in the first round")
    group.add_argument("--max-clicks", type=int, default=1, help="up to this many clicks at once in later rounds")
    group.add_argument(
        "--robots",
        nargs="+",
        default=["random"],
        choices=("random", "center", "border"),
        help="where in the error is clicked, drawn for each chain of rounds (default: random)",
    )
    group.add_argument(
        "--absent", type=float, default=0.0, metavar="FRACTION", help="of the organs asked for where none is"
    )
    group.add_argument(
        "--student-like-prompts", action="store_true", help="also ask with masks and points as of a student's map"
    )
    group.add_argument(
        "--randomize",
        action="store_true",
        help="change every crop at random as other scanners, bodies and tracers would",
    )
    group.add_argument(
        "--organ-head", action="store_true", help="also ask for every voxel's organ, by a layer that is thrown away"
    )
    group.add_argument("--lr", type=float, help="of the image encoder (default: 8e-5, from scratch 8e-4)")
    group.add_argument(
        "--decoder-lr", type=float, help="of the rest (default: a tenth of the encoder's, from scratch the same)"
    )
    group.add_argument("--validate-every", type=int, default=500, help="iterations (default: %(default)s)")
    group.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Fetch or train, as the command says."""
    commands = {"fetch": teacher_fetch.run, "train2d": teacher_train2d.run, "train": _train}
    return commands[args.teacher_command](args)


def _train(args: argparse.Namespace) -> int:
    """Train, and say where the result is."""
    from nnunetv2_muduo.teacher_training.checkpoints import BEST, LAST, require_as_begun
    from nnunetv2_muduo.teacher_training.data import hold_out, load_volumes, read_noisy_names, require_known
    from nnunetv2_muduo.teacher_training.organ_head import OrganHeadTraining
    from nnunetv2_muduo.teacher_training.report import TABLE
    from nnunetv2_muduo.teacher_training.trainer import TeacherTraining

    require_folder_place(args.out)
    settings = _settings(args)
    device = device_of(args)
    # All that can be refused is, before the data, which take longest.
    claim_training(args.out, LAST, args.c)
    args.out.mkdir(parents=True, exist_ok=True)
    teacher = _teacher(args)
    noisy = read_noisy_names(args.noisy_labels) if args.noisy_labels else frozenset()
    if args.c:
        require_as_begun(args.out, settings=asdict(settings), noisy_labels=sorted(noisy))
    volumes = load_volumes(args.data, args.modality, settings.spacing_mm, args.out / "cache", args.seed)
    require_known(noisy, volumes, args.noisy_labels)
    train, held_out = hold_out(volumes, args.val_fraction, args.seed, noisy)
    print(f"{len(train)} {args.modality.upper()} cases to learn from, {len(held_out)} held out")
    training_class = OrganHeadTraining if settings.organ_head else TeacherTraining
    training = training_class(teacher.to(device), settings, train, held_out, args.out, noisy)
    if args.c:
        training.resume()
    training.run()
    print((args.out / TABLE).read_text(encoding="utf-8"))
    print(f"The best teacher: {args.out / BEST}. In a MuDuo config:\n    {args.modality}_teacher: {args.out / BEST}")
    return 0


def _settings(args: argparse.Namespace):
    from nnunetv2_muduo.teacher_training.settings import TrainingSettings

    lr = args.lr or (FROM_SCRATCH_LR if args.scratch else FINE_TUNING_LR)
    return TrainingSettings(
        modality=args.modality,
        spacing_mm=(args.spacing[0], args.spacing[-1]) if len(args.spacing) < 3 else tuple(args.spacing),
        n_iterations=args.iterations,
        batch_size=args.batch_size,
        crops_at_once=args.crops_at_once,
        n_rounds=args.rounds,
        keep_clicks=args.keep_clicks,
        first_points=args.first_points,
        max_clicks=args.max_clicks,
        robots=tuple(args.robots),
        absent_fraction=args.absent,
        student_like_prompts=args.student_like_prompts,
        randomize=args.randomize,
        organ_head=args.organ_head,
        lr=lr,
        decoder_lr=args.decoder_lr or (lr if args.scratch else lr / 10),
        validate_every=args.validate_every,
        seed=args.seed,
    )


def _teacher(args: argparse.Namespace):
    from nnunetv2_muduo.teacher_training.checkpoints import LAST
    from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
    from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
    from nnunetv2_muduo.teachers.weights import inspect_teacher, load_teacher

    if args.c:
        return load_teacher(args.out / LAST, modality=args.modality)
    if args.scratch:
        sizes = {"small": SMALL_CONFIG, "public": Sam3DConfig()}
        return untrained_teacher(sizes.get(args.scratch) or _read_size(Path(args.scratch)), args.seed)
    source = args.init or PUBLIC[args.modality]
    known = inspect_teacher(source).modality
    if known not in (None, args.modality):  # no mistake for sure: SegAnyPET began with the weights of SAM-Med3D
        print(
            f"WARNING: the teacher to begin with, {source}, is for {known.upper()}, and --modality is {args.modality}."
        )
    return load_teacher(source)


def _read_size(path: Path):
    from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
    from nnunetv2_muduo.user_files import read_user_json

    if not path.is_file():
        raise FileNotFoundError(f"--scratch {path}: neither small nor public, and no such file")
    size = read_user_json(path)
    try:
        return Sam3DConfig.from_dict(size)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--scratch {path}: {error}") from error
