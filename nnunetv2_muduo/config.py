"""Everything that can be chosen about a MuDuo training, in one place.

Values come from the file that the environment variable `nnUNet_muduo_config` names (YAML or JSON), on top of them single
fields from the trainer's class (`nnUNetTrainerMuDuo_SinglePoint` sets `n_points`). The environment variable is nnU-Net's
way: `nnUNetv2_train` takes no further arguments.
"""

import difflib
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

CONFIG_VARIABLE = "nnUNet_muduo_config"
CONFIG_FILE = "muduo_config.yaml"  # beside the checkpoints

_CHOICES = {
    "teachers": ("both", "ct", "pet"),
    "teacher_spacing": ("patch",),
    "ct_mask_prompt_source": ("student", "prompt_generator"),
    "ct_mask_prompt_value": ("logit", "probability"),
    "kept_pairs": ("best_half", "all", "threshold"),
    "consistency": ("dice", "mse"),
    "optimizer": ("sgd", "adamw"),
    "augmentation": ("nnunet", "no_mirroring", "none"),
}
_POSITIVE = (
    "n_points",
    "point_smoothing_voxels",
    "ramp_up_epochs",
    "unlabeled_batch_size",
    "num_epochs",
    "num_iterations_per_epoch",
    "prompt_generator_num_epochs",
)
_NO_MATTER = ("picture_every_epochs",)  # may change in the middle of a training


@dataclass(frozen=True)
class MuDuoConfig:
    """One training's choices; the defaults are the recommended ones, checked when the object is built.

    Raises:
        ValueError: a field has a type or value that makes no sense; the message names the field and what it may be.
    """

    ct_teacher: str = "sam_med3d"
    """CT teacher: `sam_med3d` (the public file), `small` (the package's own small one), or a path to a checkpoint."""

    pet_teacher: str = "seganypet"
    """PET teacher: `seganypet` (the public file), `small` (the package's own small one), or a path to a checkpoint."""

    teachers: str = "both"
    """`both`, or one alone: `ct`, `pet`. One teacher has nobody to agree with, so every valid pair is then kept."""

    teacher_spacing: str = "patch"
    """Spacing at which the teachers see a patch. `patch`: the plan's own, as in the paper."""

    ct_mask_prompt_source: str = "student"
    """Whose map of an organ prompts the CT teacher: the `student`'s (mutual distillation) or the `prompt_generator`'s."""

    ct_mask_prompt_value: str = "logit"
    """`logit` of the probability, clipped, which is what the teachers were trained with, or the bare `probability`."""

    n_points: int = 3
    """Points per organ that prompt the PET teacher (the paper's K)."""

    point_smoothing_voxels: float = 3.0
    """Standard deviation, in voxels, of the Gaussian under which the highest places of an organ become points."""

    suppress_between_points: bool = True
    """Suppress the neighborhood of a chosen point before the next is chosen, so that points spread over the organ."""

    kept_pairs: str = "best_half"
    """Which (sample, organ) pairs teach: per organ the `best_half` by agreement, `all` valid ones, or those above a
    `threshold`."""

    agreement_threshold: float = 0.5
    """Least soft IoU of the two teachers for `kept_pairs: threshold`."""

    consistency: str = "dice"
    """Loss between student and pseudo label: `dice` (the paper's released code) or `mse` (the paper)."""

    consistency_weight: float = 0.3
    """Weight of the consistency loss at the end of its ramp-up, against nnU-Net's loss. 0 is plain nnU-Net."""

    ramp_up_epochs: float = 200
    """Epochs over which the weight rises as exp(-5 (1 - t)^2)."""

    unlabeled_batch_size: int | None = None
    """Unlabeled patches per step, over all GPUs. None: as many as labeled ones (the plan's batch size)."""

    num_epochs: int | None = None
    """Epochs. None: the trainer's own number (1000 as in nnU-Net)."""

    num_iterations_per_epoch: int | None = None
    """Training iterations per epoch; a fifth as many validate. None: nnU-Net's 250 and 50."""

    optimizer: str = "sgd"
    """`sgd`, nnU-Net's, for student and prompt generator, or `adamw` with a learning rate of 0.003 for trainings of one or two
    thousand iterations, in which nnU-Net's has hardly begun to learn."""

    augmentation: str = "nnunet"
    """`nnunet`: all of nnU-Net's. `no_mirroring`: the same without mirror images, in training and prediction, for organs that
    are told apart by the side they lie on. `none`: random patches alone, for trainings of one or two thousand iterations."""

    prompt_generator_num_epochs: int | None = None
    """Epochs of the prompt generator. None: `num_epochs`, or nnU-Net's 1000 where that is None too."""

    picture_every_epochs: int = 10
    """Epochs between two pictures of what the teachers say of two fixed unlabeled patches. 0: none."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, _allowed_types(field.type)) or (
                isinstance(value, bool) and field.type is not bool
            ):
                raise ValueError(f"{field.name} must be {_readable_type(field.type)}, got {value!r}.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}.")
        for name in _POSITIVE:
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, got {value!r}.")
        if not 0 <= self.agreement_threshold <= 1:
            raise ValueError(f"agreement_threshold is an IoU and must lie in [0, 1], got {self.agreement_threshold!r}.")
        if not 0 <= self.consistency_weight < float("inf"):
            raise ValueError(f"consistency_weight must be 0 or above, got {self.consistency_weight!r}.")
        if self.picture_every_epochs < 0:
            raise ValueError(f"picture_every_epochs must be 0 or above, got {self.picture_every_epochs!r}.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have a teacher: ("ct", "pet"), or one of them."""
        return ("ct", "pet") if self.teachers == "both" else (self.teachers,)

    def teacher(self, modality: str) -> str:
        """Name or path of the teacher of a modality, "ct" or "pet"."""
        return self.ct_teacher if modality == "ct" else self.pet_teacher

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values, ready for YAML or JSON."""
        return asdict(self)

    def save(self, path: str | Path) -> None:
        """Write the fields as YAML, in the form that `load_config` reads."""
        Path(path).write_text(yaml.safe_dump(self.to_dict(), sort_keys=False), encoding="utf-8")


def load_config(overrides: dict[str, Any] | None = None) -> MuDuoConfig:
    """Config from the file in `nnUNet_muduo_config`, if set, with single fields replaced by `overrides`.

    Raises:
        FileNotFoundError: the variable names a file that does not exist.
        ValueError: the file is no mapping, or has an unknown key (the nearest known one is named) or a bad value.
    """
    path = os.environ.get(CONFIG_VARIABLE)
    values = _read_mapping(Path(path)) if path else {}
    try:
        return MuDuoConfig(**{**values, **(overrides or {})})
    except ValueError as error:
        raise ValueError(f"{error} ({CONFIG_VARIABLE}={path})") from error


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Readable lines `field: old -> new` for every field in which two configs differ, those of pictures aside."""
    names = [name for name in dict.fromkeys([*old, *new]) if name not in _NO_MATTER]
    defaults = MuDuoConfig().to_dict()  # of fields that an older version did not have
    old, new = {**defaults, **old}, {**defaults, **new}
    return [f"{name}: {old[name]!r} -> {new[name]!r}" for name in names if old[name] != new[name]]


def _read_mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{CONFIG_VARIABLE} names {path}, which is no file. Correct or unset the variable.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a mapping of config fields to values, got {type(values).__name__}.")
    known = [field.name for field in fields(MuDuoConfig)]
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0)[0]
            raise ValueError(f"{path}: unknown key {key!r}. Did you mean {nearest!r}? Known keys: {', '.join(known)}.")
    return values


def _allowed_types(field_type: Any) -> tuple[type, ...]:
    types = getattr(field_type, "__args__", (field_type,))
    return (*types, int) if float in types else types


def _readable_type(field_type: Any) -> str:
    return field_type.__name__ if isinstance(field_type, type) else str(field_type).replace("None", "none")
