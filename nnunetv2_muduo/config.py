"""Configuration: everything that can be chosen about a training, in one place.

Values come from the file that the environment variable `nnUNet_muduo_config` names (YAML or JSON), on top of them single
fields from the trainer's class (`nnUNetTrainerMuDuo_SinglePoint` sets `n_points`). The environment variable is nnU-Net's
way: `nnUNetv2_train` takes no further arguments. One file may serve several methods: each reads the shared fields and those
of its own.
"""

import difflib
import os
import reprlib
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, overload

from nnunetv2_muduo.config_fields import MOST as MOST
from nnunetv2_muduo.config_fields import check_field, from_zero, one_of, positive, weight
from nnunetv2_muduo.config_fields import share as share  # for configs of methods
from nnunetv2_muduo.storage import write_text
from nnunetv2_muduo.user_files import read_user_text
from nnunetv2_muduo.yaml_files import parse_json, parse_yaml, to_yaml

CONFIG_VARIABLE = "nnUNet_muduo_config"
# Beside the checkpoints of a training:
CONFIG_FILE = "muduo_config.yaml"
PROGRESS_NAME = "muduo_progress"  # .csv and .png
PANEL_FOLDER = "muduo_panels"

_NO_MATTER = ("picture_every_epochs",)  # may change in the middle of a training
_FORMER = {"teacher_spacing": "patch"}  # fields until 0.1.0, with the one value that they could have
_FORMER_DEFAULTS = {  # of 0.1.0; what was no field then, was always so
    "ramp_up_epochs": 200,
    "ct_prompts": "mask",
    "pet_prompts": "points",
    "least_agreement": 0.0,
    "average_share": 0.0,
}


@dataclass(frozen=True)
class TrainingConfig:
    """The choices that every trainer has; the defaults are the recommended ones, checked when the object is built.

    Raises:
        ValueError: a field has a type or value that makes no sense; the message names the field and what it may be.
    """

    student_channels: str | list[str] = "all"
    """Channels that the student sees: `all`, `ct`, `pet`, or a list of channel names of dataset.json."""

    patch_size: int | None = positive(None, most=1024)
    """Edge of the patch in voxels. None: the teachers' image size for methods that have them (they take no other) and for the
    supervised training that MuDuo is compared with; for other methods the plan's own patch."""

    consistency_weight: float = weight(0.3)
    """Weight of the unlabeled loss at the end of its ramp-up, against nnU-Net's loss. 0 is plain nnU-Net."""

    ramp_up_epochs: float | None = positive(None)
    """Epochs over which the weight rises as exp(-5 (1 - t)^2). None: a fifth of the training (200 of 1000)."""

    unlabeled_batch_size: int | None = positive(None, most=4096)
    """Unlabeled patches per step, over all GPUs. None: as many as labeled ones (the plan's batch size)."""

    num_epochs: int | None = positive(None)
    """Epochs. None: the trainer's own number (1000 as in nnU-Net)."""

    num_iterations_per_epoch: int | None = positive(None)
    """Training iterations per epoch; a fifth as many validate. None: nnU-Net's 250 and 50."""

    optimizer: str = one_of("sgd", "adamw")
    """`sgd`, nnU-Net's, for student and prompt generator, or `adamw` with a learning rate of 0.003 for trainings of one or two
    thousand iterations, in which nnU-Net's has hardly begun to learn."""

    augmentation: str = one_of("nnunet", "no_mirroring", "none")
    """`nnunet`: all of nnU-Net's. `no_mirroring`: the same without mirror images, in training and prediction, for organs that
    are told apart by the side they lie on. `none`: random patches alone, for trainings of one or two thousand iterations."""

    labels_have_sides: bool | None = None
    """Whether labels tell left from right, which switches mirroring from side to side off. None: as their names say."""

    picture_every_epochs: int = from_zero(10)
    """Epochs between two pictures of what the teachers say of two fixed unlabeled patches. 0: none."""

    def __post_init__(self) -> None:
        for each in fields(self):
            check_field(each, getattr(self, each.name))
        named = isinstance(self.student_channels, list) and all(isinstance(n, str) for n in self.student_channels)
        if self.student_channels not in ("all", "ct", "pet") and not (named and self.student_channels):
            raise ValueError(
                f"student_channels must be all, ct, pet or a list of channel names, got {reprlib.repr(self.student_channels)}."
            )

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values, ready for YAML or JSON."""
        return asdict(self)

    def save(self, path: str | Path) -> None:
        """Write the fields as YAML, in the form that `load_config` reads."""
        write_text(self.to_yaml(), Path(path))

    def to_yaml(self) -> str:
        """A line for each field, in the form that `load_config` reads."""
        return to_yaml(self.to_dict())


@dataclass(frozen=True)
class TeachersConfig(TrainingConfig):
    """Which teachers a method has."""

    ct_teacher: str = "sam_med3d"
    """CT teacher: `sam_med3d` (the public file), `small` (the package's own small one), or a path to a checkpoint."""

    pet_teacher: str = "seganypet"
    """PET teacher: `seganypet` (the public file), `small` (the package's own small one), or a path to a checkpoint."""

    teacher_spacing_mm: float | None = positive(None, most=100)
    """Spacing at which the teachers see a patch, the one they learned at: the patch is then as large in mm as their image, and is
    resampled for them. None: they see the patch's own voxels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patch_size is not None and self.teacher_spacing_mm is not None:
            raise ValueError(
                "patch_size and teacher_spacing_mm exclude one another: the teachers' image is the patch. Leave patch_size out."
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have a teacher: ("ct", "pet"), or one of them."""
        return ("ct", "pet")

    def teacher(self, modality: str) -> str:
        """Name or path of the teacher of a modality, "ct" or "pet"."""
        return self.ct_teacher if modality == "ct" else self.pet_teacher


@dataclass(frozen=True)
class MuDuoConfig(TeachersConfig):
    """MuDuo's choices. The prompt generator and the supervised training that MuDuo is compared with read them too."""

    teachers: str = one_of("both", "ct", "pet")
    """`both`, or one alone: `ct`, `pet`. One teacher has nobody to agree with, so every valid pair is then kept."""

    ct_prompts: str = one_of("points", "mask", "points_and_mask")
    """What the CT teacher is asked with: `points` in an organ of the prompt map, the organ's `mask`, or both."""

    pet_prompts: str = one_of("mask", "points", "points_and_mask")
    """What the PET teacher is asked with, likewise."""

    ct_mask_prompt_source: str = one_of("student", "prompt_generator")
    """Whose map of an organ is the CT teacher's mask, where it is asked with one: the `student`'s or the `prompt_generator`'s."""

    pet_mask_prompt_source: str = one_of("student", "prompt_generator", "ct_teacher")
    """Whose map of an organ is the PET teacher's mask: the `student`'s (mutual distillation), the `prompt_generator`'s, or the
    answer of the `ct_teacher`."""

    ct_mask_prompt_value: str = one_of("logit", "probability")
    """`logit` of the probability, clipped, which is what the teachers were trained with, or the bare `probability`."""

    pet_mask_prompt_value: str = one_of("logit", "probability")
    """The same for the PET teacher's mask."""

    prompting_network: str = one_of("student", "average")
    """Whose map is the student's mask: the `student`'s own, or that of the moving `average` of its weights."""

    prompting_view: str = one_of("augmented", "clean")
    """View on which that map is made: the `augmented` one that the student learns from, or the `clean` one, which is the same
    patch without changes of intensity."""

    ema_decay: float = share(0.99)
    """Share of the old average that remains at each step; less in the first steps, so that the average follows at once."""

    valid_by: str = one_of("prompt_map", "student", "either")
    """Whose map has to show an organ in a patch for teachers to be asked about it: the `prompt_map`, the map of the prompting
    `student`, or `either`. What the prompt map lacks is looked for in the student's map."""

    n_points: int = positive(3, most=1000)
    """Points per organ for a teacher that is asked with points (the paper's K)."""

    point_smoothing_voxels: float = positive(3.0, most=100)
    """Standard deviation, in voxels, of the Gaussian under which the highest places of an organ become points."""

    suppress_between_points: bool = True
    """Suppress the neighborhood of a chosen point before the next is chosen, so that points spread over the organ."""

    pair_score: str = one_of("agreement", "difference", "product")
    """By what pairs are ranked: the teachers' `agreement`; the `difference` between the agreement of their masks and that with
    the student's; or the `product` of `agreement` and their disagreement with the student, 1 minus the masks' mean IoU."""

    kept_pairs: str = one_of("best_half", "best_half_of_memory", "all", "threshold")
    """Which (sample, organ) pairs teach: per organ the `best_half` of the batch by `pair_score`, those in the best half of the
    batch and of the organ's pairs before it, `all` valid ones, or those with an agreement above a `threshold`."""

    score_memory: int = positive(64, most=100_000)
    """Scores of each organ that are remembered for `kept_pairs: best_half_of_memory`."""

    agreement_threshold: float = 0.5
    """Least soft IoU of the two teachers for `kept_pairs: threshold`."""

    least_agreement: float = share(0.15)
    """Soft IoU of the two teachers below which a pair never teaches, even where it is its organ's only one."""

    pseudo_label: str = one_of("threshold", "argmax", "soft")
    """What becomes of the mixture of an organ's probabilities: 1 above the `threshold` of one half, the same but only where the
    organ is the likeliest of the patch's (`argmax`), or nothing: the probabilities themselves are the label (`soft`)."""

    average_share: float = share(0.5)
    """Share of the student's moving average in the mixture, a third voice, at the training's end, over which it grows evenly."""

    ramp_down_share: float = share(0.0)
    """Share of the training, at its end, over which the weight falls as it rose. 0: it stays."""

    organ_weights: str = one_of("equal", "by_lead")
    """Weights of organs in the loss: `equal`, or less for organs on which the student has overtaken the teachers (`by_lead`)."""

    consistency: str = one_of("dice", "mse")
    """Loss between student and pseudo label: `dice` (the paper's released code) or `mse` (the paper)."""

    prompt_generator_num_epochs: int | None = positive(None)
    """Epochs of the prompt generator. None: `num_epochs`, or nnU-Net's 1000 where that is None too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.agreement_threshold <= 1:
            raise ValueError(f"agreement_threshold is an IoU and must lie in [0, 1], got {self.agreement_threshold!r}.")
        if self.teachers == "pet" and self.pet_mask_prompt_source == "ct_teacher":
            raise ValueError(
                "pet_mask_prompt_source is ct_teacher, but teachers is pet: there is no CT teacher to answer."
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        return ("ct", "pet") if self.teachers == "both" else (self.teachers,)

    def prompts(self, modality: str) -> tuple[str, str, str]:
        """What the teacher of a modality, "ct" or "pet", is asked with: its prompts, its mask's source and its mask's value."""
        if modality == "ct":
            return self.ct_prompts, self.ct_mask_prompt_source, self.ct_mask_prompt_value
        return self.pet_prompts, self.pet_mask_prompt_source, self.pet_mask_prompt_value

    @property
    def keeps_average(self) -> bool:
        """Whether anything is asked of the moving average of the student."""
        return self.prompting_network == "average" or self.average_share > 0

    @property
    def follows_lead(self) -> bool:
        """Whether organs weigh by the teachers' lead; one teacher has nobody else to agree with, and no lead."""
        return self.teachers == "both" and self.organ_weights == "by_lead"

    @property
    def measures_lead(self) -> bool:
        """Whether the teachers' agreement with the student is asked for."""
        return self.follows_lead or (self.teachers == "both" and self.pair_score != "agreement")

    @property
    def pair_selection(self) -> str:
        """`kept_pairs`, but `all` where there is one teacher, which has nobody to agree with."""
        return self.kept_pairs if self.teachers == "both" else "all"


AnyConfig = TypeVar("AnyConfig", bound=TrainingConfig)


@overload
def load_config(overrides: dict[str, Any] | None = None) -> MuDuoConfig: ...
@overload
def load_config(overrides: dict[str, Any] | None = None, *, config_class: type[AnyConfig]) -> AnyConfig: ...
@overload
def load_config(
    overrides: dict[str, Any] | None, config_class: type[AnyConfig], defaults: dict[str, Any] | None = None
) -> AnyConfig: ...
def load_config(
    overrides: dict[str, Any] | None = None,
    config_class: type[TrainingConfig] = MuDuoConfig,
    defaults: dict[str, Any] | None = None,
) -> TrainingConfig:
    """Config from the file in `nnUNet_muduo_config`, if set, with single fields replaced by `overrides`.

    Args:
        config_class: the method's; fields of other methods in the file are left out (`fields_of_other_methods` tells them).
        defaults: of single fields, in place of the class's.

    Raises:
        FileNotFoundError: the variable names a file that does not exist.
        ValueError: the file is no mapping, or has an unknown key (the nearest known one is named) or a bad value.
    """
    own = field_names(config_class)
    values = {key: value for key, value in _read_file().items() if key in own}
    try:
        return config_class(**{**(defaults or {}), **values, **(overrides or {})})
    except ValueError as error:
        raise ValueError(f"{error} ({CONFIG_VARIABLE}={os.environ.get(CONFIG_VARIABLE)})") from error


def field_names(config_class: type[TrainingConfig]) -> set[str]:
    """Names of the fields that a method reads."""
    return {each.name for each in fields(config_class)}


def fields_of_other_methods(config_class: type[TrainingConfig]) -> list[str]:
    """Keys of the config file that this method does not read."""
    own = field_names(config_class)
    return [key for key in _read_file() if key not in own]


def former_defaults(stored: dict[str, Any], config_class: type[TrainingConfig]) -> dict[str, Any]:
    """A method's defaults until 0.1.0 that have changed since, as far as a training began with them.

    Args:
        stored: the config in the checkpoint of a training that began until then; empty where there is none.
    """
    own = field_names(config_class) if stored else ()
    return {name: value for name, value in _FORMER_DEFAULTS.items() if name in own and stored.get(name, value) == value}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Readable lines `field: old -> new` for every field in which two configs differ, those of pictures aside."""
    old = {**_known_fields(), **_FORMER_DEFAULTS, **old}  # with what fields that an older version did not have come to
    names = [name for name in new if name not in _NO_MATTER]
    return [f"{name}: {old[name]!r} -> {new[name]!r}" for name in names if old[name] != new[name]]


def _read_file() -> dict[str, Any]:
    """The file's mapping, empty where no file is named."""
    if not os.environ.get(CONFIG_VARIABLE):
        return {}
    path = Path(os.environ[CONFIG_VARIABLE])
    if not path.is_file():
        raise FileNotFoundError(f"{CONFIG_VARIABLE} names {path}, which is no file. Correct or unset the variable.")
    text, kind = read_user_text(path), "JSON" if path.suffix.lower() == ".json" else "YAML"
    try:
        values = (parse_json if kind == "JSON" else parse_yaml)(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid {kind}: {error}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a mapping of config fields to values, got {type(values).__name__}.")
    return _without_former_fields(values, path)


def _without_former_fields(values: dict[str, Any], path: Path) -> dict[str, Any]:
    known = list(_known_fields())
    for key in values:
        if key in _FORMER and values[key] == _FORMER[key]:
            warnings.warn(f"{path}: {key} is no field any more and changes nothing. Remove it.", FutureWarning, 3)
        elif key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0)[0]
            raise ValueError(f"{path}: unknown key {key!r}. Did you mean {nearest!r}? Known keys: {', '.join(known)}.")
    return {key: value for key, value in values.items() if key not in _FORMER}


def _known_fields(config_class: type[TrainingConfig] = TrainingConfig) -> dict[str, Any]:
    """Fields of every method that is imported, with their defaults."""
    known = config_class().to_dict()
    for subclass in config_class.__subclasses__():
        known = {**_known_fields(subclass), **known}
    return known
