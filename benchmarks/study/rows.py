"""Rows of the study: one way to train each."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.nnunet_plugin.nnUNetTrainerMuDuo import names_of_trainers
from nnunetv2_muduo.trainers import nnUNetTrainerMuDuo_paper

OF_TEACHERS = "teachers"
"""Start of the row that uses the labels of the teachers' patients otherwise."""

MUDUO_TRAINER, SUPERVISED_TRAINER = "nnUNetTrainerMuDuo", "nnUNetTrainerMuDuo_Supervised"
CONTROL = "nnUNetTrainerStudy"
"""Begin of the names of the trainers in `controls`."""

EQUAL_TIME = 5.5
"""Supervised iterations that take as long as one of MuDuo's and its generator's: by the seconds in the
files of both rows, 5.9, 5.1 and 5.4 on development patients (5 labels, three seeds)."""


@dataclass(frozen=True)
class Row:
    """One way to train."""

    name: str
    title: str
    trainer: str = MUDUO_TRAINER
    overrides: dict = field(default_factory=dict)
    """Config fields."""
    start: str = "all"
    """Channels of the shared network that it goes on from; `teachers`: that of the teachers' patients; `scratch`: initial weights
    and as many iterations in all."""
    length: float = 1.0
    """Iterations after the start, as a share of the other rows'."""
    ensemble_of: tuple[str, ...] = ()
    """Rows whose probabilities are averaged, instead of a training."""
    all_labels: bool = False
    """Trained with the labels of all cases."""
    observed: bool = False
    """Whether its pseudo labels are measured during the training."""
    after: str = ""
    """Row of the same file on top of which this one stands, and with which it is compared."""

    def config(self, size: StudySize) -> dict:
        """The config of its training."""
        n_epochs = size.n_shared_epochs + size.n_epochs if self.start == "scratch" else self.length * size.n_epochs
        return {**size.config(), "num_epochs": round(n_epochs), **self.overrides}


PAPER_VALUES = {
    **{k: v for k, v in nnUNetTrainerMuDuo_paper.config_overrides.items() if k != "optimizer"},
    "consistency_weight": 0.2,
    "ramp_up_epochs": 25,
}
"""The paper's, on the study's schedule, all of it ramp-up; twice the weight, as nnU-Net's loss is twice the paper's."""

PET, CT = {"student_channels": "pet"}, {"student_channels": "ct"}
SUPERVISED = Row("supervised", "supervised, PET/CT", SUPERVISED_TRAINER)
SUPERVISED_PET = Row("supervised_pet", "supervised, PET", SUPERVISED_TRAINER, PET, start="pet")
MUDUO = Row("muduo", "MuDuo", observed=True)
MAP_AS_LABEL = Row("map_as_label", "prompt map as label, no teacher", f"{CONTROL}MapAsLabel", {"average_share": 0.0})
MEAN_TEACHER = Row("mean_teacher", "Mean Teacher, PET/CT", "nnUNetTrainerMeanTeacher")
SELF_TRAINING = Row("self_training", "self-training", f"{CONTROL}SelfTraining")
RIVALS = (
    SUPERVISED_PET,
    Row("supervised_ct", "supervised, CT", SUPERVISED_TRAINER, CT, start="ct"),
    Row("mean_teacher_pet", "Mean Teacher, PET", "nnUNetTrainerMeanTeacher", PET, start="pet"),
    MEAN_TEACHER,
    Row("ua_mean_teacher", "UA-MT", "nnUNetTrainerUAMeanTeacher"),
    Row("cps", "CPS", "nnUNetTrainerCPS"),
    Row("sassnet", "SASSNet", "nnUNetTrainerSASSNet"),
    Row("semisam_pet", "SemiSAM+, PET", "nnUNetTrainerSemiSAMPlus", {**PET, "generalist": "pet"}, start="pet"),
    Row("semisam", "SemiSAM+, PET/CT", "nnUNetTrainerSemiSAMPlus"),
    SELF_TRAINING,
    Row("cfr", "CFR", "nnUNetTrainerCFR"),
)
TABLE_2 = (
    Row("paper_values", "MuDuo, the paper's values", MUDUO_TRAINER, PAPER_VALUES),
    Row("ct_teacher", "CT teacher alone", "nnUNetTrainerMuDuo_CTTeacherOnly"),
    Row("pet_teacher", "PET teacher alone", "nnUNetTrainerMuDuo_PETTeacherOnly"),
    Row("no_filter", "both teachers, no filter", "nnUNetTrainerMuDuo_NoFilter"),
    Row("fixed_threshold", "both teachers, agreement of 0.5", "nnUNetTrainerMuDuo_FixedThreshold"),
    Row("single_point", "both teachers, 1 point", "nnUNetTrainerMuDuo_SinglePoint"),
)
CONTROLS = (
    replace(
        MAP_AS_LABEL,
        name="map_and_average",
        title="prompt map and the student's average as label, no teacher",
        overrides={"average_share": 0.8},  # the map is 0 or 1: up to one half the average would never be heard
    ),
    replace(
        MAP_AS_LABEL,
        name="second_map_as_label",
        title="map of a second PET/CT network as label",
        trainer=f"{CONTROL}SecondMapAsLabel",
    ),
    Row("four_labeled", "supervised, 4 labeled patches a step", f"{CONTROL}FourLabeled"),
    Row("twice", "supervised, twice the iterations after the start", SUPERVISED_TRAINER, length=2.0),
    Row("equal_time", "supervised, MuDuo's wall time", SUPERVISED_TRAINER, length=EQUAL_TIME),
    Row("augmented", "supervised, mild augmentation", f"{CONTROL}MildAugmentation"),
    Row("muduo_augmented", "MuDuo, mild augmentation", f"{CONTROL}MuDuoMildAugmentation"),
    Row("ensemble", "supervised, ensemble of PET and PET/CT", "", ensemble_of=("supervised_pet", "supervised")),
    Row(
        "no_map_points",
        "teachers without the map's points",
        MUDUO_TRAINER,
        {"ct_prompts": "mask", "pet_prompts": "mask"},
    ),
    Row("random_choice", "pairs chosen by chance, as many as by the filter", f"{CONTROL}RandomChoice"),
    Row("true_masks", "true masks as pseudo labels (upper bound)", f"{CONTROL}TrueMasks", {"average_share": 0.0}),
    replace(
        SUPERVISED,
        name="teachers_patients",
        title="supervised, pre-trained on the teachers' patients and their labels",
        start=OF_TEACHERS,
    ),
    replace(SUPERVISED, name="all_labels", title="supervised, labels of all cases (upper bound)", all_labels=True),
)
FROM_SCRATCH = "_scratch"
SCRATCH = tuple(
    replace(row, name=f"{row.name}{FROM_SCRATCH}", title=f"{row.title}, from scratch", start="scratch", observed=False)
    for row in (SUPERVISED, MEAN_TEACHER, SELF_TRAINING, MAP_AS_LABEL, MUDUO)
)
UPPER_BOUNDS = ("true_masks", "all_labels")
"""Rows that are given what nobody has."""
ALL = (SUPERVISED, MUDUO, MAP_AS_LABEL, *RIVALS, *TABLE_2, *CONTROLS, *SCRATCH)
STUDY = tuple(
    row for row in ALL if row.ensemble_of or row.trainer.startswith(CONTROL) or row.trainer in names_of_trainers()
)
"""Rows whose trainers there are."""
BY_NAME = {row.name: row for row in STUDY}


def choice(name: str, overrides: dict, trainer: str = MUDUO_TRAINER, after: Row | None = None) -> Row:
    """A row for development: MuDuo, or another trainer, with config fields; after another row, with that one's too."""
    title = ", ".join(f"{key} {value}" for key, value in overrides.items()) or name
    if trainer != MUDUO_TRAINER and title != name and not after:
        title = f"{name}: {title}"  # of these fields alone nobody could tell whose they are
    if after:
        title, overrides = f"{after.name}, and {title}", {**after.overrides, **overrides}
    observed = trainer.startswith((MUDUO_TRAINER, f"{CONTROL}MuDuo")) and trainer != SUPERVISED_TRAINER
    return Row(name, title, trainer, overrides, observed=observed, after=after.name if after else "")


CHOICES = (
    SUPERVISED,
    MUDUO,
    MAP_AS_LABEL,
    *(replace(row, observed=True) for row in TABLE_2),
    choice("weight_0.1", {"consistency_weight": 0.1}),
    choice("weight_1", {"consistency_weight": 1.0}),
    choice("mse_3", {"consistency": "mse", "consistency_weight": 3.0}),
    choice("generator_masks", {"pet_mask_prompt_source": "prompt_generator"}),
    choice("no_suppression", {"suppress_between_points": False}),
    choice("larger_unlabeled_batch", {"unlabeled_batch_size": 4}),
)
"""What development compares where no file names other rows."""


def read_rows(file: Path) -> tuple[Row, ...]:
    """Rows of a YAML file: a mapping of names to config fields, with `trainer` for another one than MuDuo's, and with `after`
    for a row above, whose fields, trainer too, this one has as well.

    Raises:
        ValueError: the file holds no such mapping, or `after` names no row above.
    """
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not all(isinstance(fields, dict) for fields in content.values()):
        raise ValueError(
            f"{file} must hold a mapping of row names to config fields, such as `weight_1: {{consistency_weight: 1.0}}`."
        )
    rows: dict[str, Row] = {}
    for name, fields in content.items():
        after = fields.get("after")
        if after is not None and after not in rows:
            raise ValueError(f"{file}: {name} stands after {after}, which is no row above it.")
        trainer = fields.get("trainer", rows[after].trainer if after else MUDUO_TRAINER)
        overrides = {key: value for key, value in fields.items() if key not in ("trainer", "after")}
        rows[str(name)] = choice(str(name), overrides, trainer, rows.get(after))
    return tuple(rows.values())


def chosen(names: Iterable[str] | None) -> tuple[Row, ...]:
    """Rows of the study by their names, in the order given; None: all."""
    return STUDY if names is None else tuple(BY_NAME[name] for name in names)
