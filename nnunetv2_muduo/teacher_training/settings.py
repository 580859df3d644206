"""Settings of a teacher's training; the defaults are SAM-Med3D's recipe unless a line says otherwise.

Source: https://github.com/uni-medical/SAM-Med3D (train.py), summarized in docs/teachers.md, "Training recipe".
"""

from dataclasses import asdict, dataclass
from typing import Literal

from nnunetv2_muduo.teachers.robots import ROBOTS

MOST = {
    "n_iterations": 10**8, "lr": 1.0, "decoder_lr": 1.0, "weight_decay": 1.0, "absent_fraction": 1.0, "seed": 2**63 - 1
}  # fmt: skip
FROM_ZERO = ("seed", "weight_decay", "absent_fraction")
"""The largest values that make sense; of other counts, `MOST_OF_ALL`."""
MOST_OF_ALL = 10**6
MOST_SPACING_MM = 100.0


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what a training does, but for network, data and device; ValueError for impossible values."""

    modality: Literal["ct", "pet"]
    """Which channel the teacher sees."""
    spacing_mm: tuple[float, float] = (1.5, 1.5)
    """Isotropic voxel size; every case gets its own from this range (published: 1.5 mm for all)."""
    n_iterations: int = 10_000
    """Updates of the weights."""
    batch_size: int = 12
    """Crops of one update."""
    crops_at_once: int = 1
    """Crops that are in memory at once, with all rounds of all their organs; of a batch, the gradients add up."""
    max_organs: int = 8
    """Organs of a crop that are asked for, drawn at random where there are more (published: 1)."""
    n_rounds: int = 11
    """Prompts given one after another for each organ."""
    keep_clicks: bool = False
    """Whether a round repeats the clicks of the rounds before it."""
    first_points: int = 1
    """Points that the first round may give at once, inside the organ; 1 is the published click anywhere in it."""
    max_clicks: int = 1
    """Clicks that a later round may give at once; their number is drawn for each round (published: 1)."""
    robots: tuple[str, ...] = ("random",)
    """Who clicks, drawn anew for every chain of rounds: `random` (published), `center` or `border` of the error."""
    absent_fraction: float = 0.0
    """Part of the organs that are pointed at, or masked, where no organ lies; the answer to them is empty (not published)."""
    student_like_prompts: bool = False
    """Whether a further round asks with a mask, mostly as a student's map might be, else the true one, without points; several
    first points lie in such a map half of the time, and a quarter of the chains of clicks begin with one (not published)."""
    randomize: bool = False
    """Whether every crop is changed at random as other scanners, bodies and tracers would (not published)."""
    organ_head: bool = False
    """Whether a linear layer, thrown away in the end, tells voxels' organs from the embedding (not published)."""
    lr: float = 8e-4
    """Learning rate of the image encoder; fine-tuning takes a tenth of it, and of the next."""
    decoder_lr: float = 8e-5
    """Learning rate of prompt encoder and mask decoder."""
    weight_decay: float = 0.1
    lr_drops: tuple[float, ...] = (0.6, 0.9)
    """Parts of the training after which the learning rates fall to a tenth."""
    validate_every: int = 500
    """Iterations between two looks at the held-out cases, each followed by a checkpoint."""
    n_validation_crops: int = 48
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "spacing_mm", tuple(map(float, self.spacing_mm)))
        object.__setattr__(self, "lr_drops", tuple(self.lr_drops))
        object.__setattr__(self, "robots", tuple(self.robots))
        if self.modality not in ("ct", "pet"):
            raise ValueError(f"modality must be 'ct' or 'pet', got {self.modality!r}")
        if len(self.spacing_mm) != 2 or not 0 < self.spacing_mm[0] <= self.spacing_mm[1] <= MOST_SPACING_MM:
            raise ValueError(
                f"spacing must be one size in mm or a rising range, at most {MOST_SPACING_MM:g}, got {self.spacing_mm}"
            )
        if not self.robots or set(self.robots) - set(ROBOTS):
            raise ValueError(f"robots must be some of {ROBOTS}, got {list(self.robots)}")
        for name, value in asdict(self).items():
            if type(value) in (int, float):
                self._check_number(name, value)

    def _check_number(self, name: str, value: float) -> None:
        most, from_zero = MOST.get(name, MOST_OF_ALL), name in FROM_ZERO
        if not 0 <= value <= most or (value == 0 and not from_zero):
            least = "at least 0" if from_zero else "at least 1" if type(value) is int else "above 0"
            raise ValueError(f"{name} must be {least} and at most {most:,}, got {value}")
