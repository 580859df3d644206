"""Train the package's own small teachers and write them, with their model card, into the package.

    python -m benchmarks.small_teachers.train_small_teachers --minutes 40 -o OUT [--cohort FOLDER ...] [--modality ct]

Without `--cohort` the teachers learn from phantoms alone, made here: other patients than those of the demo, and scanners of
a wider range around the demo's. Each `--cohort` adds labeled PET/CT in AutoPET's or nnU-Net's layout. `--minutes` is the
time for each teacher, whatever the machine makes of it, on one thread: with `--modality` two can be trained side by side,
once the phantoms are there (`--minutes 0`), and the other teacher stays as it is in the package. `--init` goes on with
teachers that are there already.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors are slower on several threads; before torch is imported

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

import nnunetv2_muduo.teachers as teachers
from benchmarks.small_teachers.young_students import YoungStudent, segmentation_loss, train_students
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.population import Population
from nnunetv2_muduo.teacher_training.checkpoints import BEST
from nnunetv2_muduo.teacher_training.crops import Crops
from nnunetv2_muduo.teacher_training.data import hold_out, load_volumes
from nnunetv2_muduo.teacher_training.report import FIGURES, dice_table
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

TARGET = Path(teachers.__file__).parent / "small"
N_PHANTOMS, PHANTOM_SEED, PHANTOM_SPACING_MM = 120, 7000, 8.0
MANY_SCANNERS = Population(
    contrast_fraction=0.5,
    ct_noise_hu=(4.0, 26.0),
    ct_fwhm_mm=(2.0, 7.0),
    pet_noise=(0.03, 0.22),
    pet_fwhm_mm=(4.0, 9.0),
    uptake_variation=1.3,
    breathing_fraction=0.5,
)
SETTINGS = TrainingSettings(
    modality="ct",
    spacing_mm=(10.0, 12.0),
    batch_size=4,
    crops_at_once=4,
    max_organs=3,
    n_rounds=1,
    first_points=3,
    student_like_prompts=True,
    lr=2e-3,
    decoder_lr=1e-3,
    weight_decay=0.01,
    validate_every=1000,
)
VAL_FRACTION = 0.15
PART_WITHOUT_PROMPTS = 0.35  # of the time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", nargs="*", default=[], help="more labeled PET/CT to learn from")
    parser.add_argument("--phantoms", type=int, default=N_PHANTOMS, help="studies to make (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--modality", choices=("ct", "pet"), nargs="+", default=["ct", "pet"])
    parser.add_argument(
        "--init", type=Path, metavar="FOLDER", help="begin with its {ct,pet}.safetensors, not at random"
    )
    parser.add_argument(
        "--students",
        type=int,
        nargs="+",
        default=[400, 1000],
        metavar="N",
        help="iterations of the young students (default: %(default)s)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    write_cohort(args.out / "phantoms", args.phantoms, PHANTOM_SEED, PHANTOM_SPACING_MM, 1, MANY_SCANNERS)
    for modality in args.modality if args.minutes else ():
        stage = train(modality, [str(args.out / "phantoms"), *args.cohort], args)
        install(modality, args.out / modality, [*stages_before(args.init, modality), stage])
        write_card()


class TimedTraining(TeacherTraining):
    """A training whose schedule follows the clock, since other work on the machine changes its speed.

    Prompts alone teach the encoder slowly. So a linear layer for each kind of data, thrown away in the end, tells every voxel's
    organ from the crops' embeddings: first without prompts, then beside them. Every batch is prompted by one of the young
    students, with cases that it has not seen.
    """

    def __init__(self, minutes: float, students: list[YoungStudent], *args):
        super().__init__(*args)
        self.seconds, self.started, self.students = 60 * minutes, time.monotonic(), students
        self.cropper = replace(self.cropper, flip_axes=(), max_organs=256)
        config = self.teacher.config
        width, edge = config.prompt_embed_dim, config.image_size // config.grid_size
        self.heads = nn.ModuleDict(
            {_name(s): nn.ConvTranspose3d(width, 1 + len(s.organs), edge, stride=edge) for s in students}
        )
        self.optimizer.add_param_group({"params": list(self.heads.parameters())})
        self.optimizer.register_step_pre_hook(self._clip_gradients)

    def part_done(self) -> float:
        return (time.monotonic() - self.started) / self.seconds

    def step(self) -> float:
        self.student = self.students[int(torch.randint(len(self.students), (), generator=self.crop_generator))]
        self.volumes = self.student.volumes
        return super().step()

    def loss(self, crops: Crops) -> torch.Tensor:
        embeddings = self.encode(crops.image)
        logits = self.heads[_name(self.student)](embeddings)
        of_voxels = segmentation_loss(logits, crops, self.student.organs)
        if self.part_done() < PART_WITHOUT_PROMPTS:
            return of_voxels
        n_prompted = self.settings.max_organs * len(crops.image)
        chosen = torch.randperm(len(crops.organs), generator=self.crop_generator)[:n_prompted].sort().values.tolist()
        return self.loss_of_prompts(embeddings, crops.of_organs(chosen)) + of_voxels

    def _set_learning_rates(self) -> None:
        """All fall together; the linear layers' is ten times the encoder's, which would otherwise wait for them."""
        rates = self.settings.lr, self.settings.decoder_lr, 10 * self.settings.lr
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.0, 1 - self.part_done()) ** 0.9

    def _clip_gradients(self, *_) -> None:
        nn.utils.clip_grad_norm_(self.teacher.parameters(), 1.0)

    def maps_of_a_student(self, crops: Crops) -> torch.Tensor:
        return self.student.maps(crops)


def _name(student: YoungStudent) -> str:
    return "+".join(student.organs)


def train(modality: str, data: list[str], args: argparse.Namespace) -> str:
    """Train one teacher in OUT/modality for the minutes that are given; returns what was done, for the card."""
    folder, settings = args.out / modality, replace(SETTINGS, modality=modality)
    volumes = load_volumes(data, modality, settings.spacing_mm, args.out / "cache", settings.seed)
    train_volumes, held_out = hold_out(volumes, VAL_FRACTION, settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{modality}: {len(train_volumes)} cases to learn from, {len(held_out)} held out", flush=True)
    start = args.init and args.init / f"{modality}.safetensors"
    teacher = load_teacher(start) if start else untrained_teacher(SMALL_CONFIG, settings.seed)
    students = train_students(train_volumes, args.students, modality, teacher.image_size, settings.seed)
    TimedTraining(args.minutes, students, teacher, settings, train_volumes, held_out, folder).run()
    n_patients = len({volume.patient for volume in volumes})
    iterations = " ".join(map(str, args.students))
    return (
        f"{args.minutes:g} minutes on one CPU thread, {len(volumes)} cases of {n_patients} patients ({args.phantoms} phantoms, "
        f"--cohort {' '.join(Path(cohort).name for cohort in args.cohort)}), --students {iterations}"
    )


def stages_before(init: Path | None, modality: str) -> list[str]:
    """What had been done with the teacher that a training began with; nothing where it began at random."""
    figures = init and init / f"{modality}.json"
    if not figures:
        return []
    return (
        json.loads(figures.read_text())["stages"] if figures.is_file() else [f"began with {init}, of unknown training"]
    )


def install(modality: str, folder: Path, stages: list[str]) -> None:
    """Put the best teacher, its figures and what was done into the package, weights in half precision."""
    TARGET.mkdir(exist_ok=True)
    weights = TARGET / f"{modality}.safetensors"
    save_teacher(load_teacher(folder / BEST).half(), weights)
    weights.chmod(0o644)  # safetensors leaves files to their owner alone
    figures = json.loads((folder / FIGURES).read_text())
    decided_by_the_clock = ("n_iterations", "lr_drops")
    settings = {key: value for key, value in figures["settings"].items() if key not in decided_by_the_clock}
    kept = {"stages": stages, "settings": settings, "best": figures["best"]}
    (TARGET / f"{modality}.json").write_text(json.dumps(kept, indent=2) + "\n")


def write_card() -> None:
    """The model card, from the figures of the teachers that are in the package."""
    parts = [CARD_HEAD]
    for modality in ("ct", "pet"):
        path = TARGET / f"{modality}.json"
        if path.is_file():
            parts.append(card_section(modality, json.loads(path.read_text())))
    (TARGET / "MODEL_CARD.md").write_text("\n".join(parts), encoding="utf-8")


def card_section(modality: str, figures: dict) -> str:
    """Held-out Dice of one teacher as Markdown."""
    best = figures["best"]
    table = dice_table(best["dice"])
    lines = ["| organ | " + " | ".join(table.columns) + " |", "|---|" + "---|" * len(table.columns)]
    for organ, row in table.iterrows():
        lines.append(f"| {organ} | " + " | ".join("" if v != v else f"{v:.2f}" for v in row) + " |")
    head = f"## {modality.upper()}: Dice on held-out patients after {best['iteration']} iterations"
    stages = ["Trained in this order; the iterations above are the last stage's:", ""]
    stages += [f"{number}. {stage}" for number, stage in enumerate(figures["stages"], start=1)]
    return "\n".join([head, "", *stages, "", *lines, ""])


CARD_HEAD = """\
# Small teachers

Two promptable networks of SAM-Med3D's architecture for patches of 24^3 voxels of 10 to 12 mm, for this package's demo, tests and
study. **They have seen synthetic images alone and are not for real ones.**

* Architecture: `SMALL_CONFIG` in `nnunetv2_muduo/teachers/small.py`; weights in half precision.
* Data: phantoms (`muduo phantom`), and a cohort synthesized from organ maps of AutoPET patients (`muduo phantom --from-labels`;
  `benchmarks/small_teachers/label_cohorts.py` chooses them). Patients are others than the demo's and the study's. Scanners are
  drawn from wider or noisier ranges, which overlap with theirs: for the cohort CT noise 12 to 26 HU (study: 8 to 18), CT
  resolution 3 to 5.5 mm (2.5 to 4), PET noise 0.1 to 0.2 (0.06 to 0.14), PET resolution 4.5 to 8.5 mm (5 to 7), contrast
  medium in half of the studies (three quarters); for phantoms `MANY_SCANNERS`, which contains the demo's.
* Training: `python -m benchmarks.small_teachers.train_small_teachers --minutes N --cohort FOLDER --init FOLDER -o OUT`,
  stages as listed below.
  A linear layer learns every voxel's organ from the encoder's embeddings, at first alone; then SAM-Med3D's recipe as
  `muduo teacher train` follows it, but with one round alone, of up to three points at once, half of them in the maps of young
  students (`benchmarks/small_teachers/young_students.py`), and one more with such a map as mask.
* License: Apache-2.0, as the code. The organ maps are MIC-DKFZ's, Apache-2.0.

The figures are from the 15 % of the patients that were held out, on which the best moment of the training was chosen too: they
are a little too good. Organs cut off by the crop's border count as well. Columns are
what the teacher was given: clicks correct its own answer before, points at once and masks are all that it had. The last column
is the student-like mask itself, without a teacher: what lies between it and the column before is the teacher's doing.
"""


if __name__ == "__main__":
    main()
