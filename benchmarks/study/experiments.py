"""Experiments of the study: supervised nnU-Net, MuDuo, the rows of the paper's Table 2, and the choices behind our defaults."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Experiment:
    """One way to train: a trainer's name, and config fields that it sets."""

    name: str
    title: str
    trainer: str = "nnUNetTrainerMuDuo"
    overrides: dict = field(default_factory=dict)


PET_ONLY = Experiment("supervised_pet", "supervised, PET", "nnUNetTrainerMuDuoPromptGenerator")
SUPERVISED = Experiment("supervised", "supervised, PET/CT", "nnUNetTrainerMuDuo_Supervised")
MUDUO = Experiment("muduo", "MuDuo: both teachers, best half, 3 points")
TABLE_2 = (
    Experiment("ct_teacher", "CT teacher alone", "nnUNetTrainerMuDuo_CTTeacherOnly"),
    Experiment("pet_teacher", "PET teacher alone", "nnUNetTrainerMuDuo_PETTeacherOnly"),
    Experiment("no_filter", "both teachers, no filter", "nnUNetTrainerMuDuo_NoFilter"),
    Experiment("fixed_threshold", "both teachers, agreement of 0.5", "nnUNetTrainerMuDuo_FixedThreshold"),
    Experiment("single_point", "both teachers, best half, 1 point", "nnUNetTrainerMuDuo_SinglePoint"),
)
DEFAULT = Experiment(
    "dice_0.3", "MuDuo at weight 0.3, our default", overrides={"consistency": "dice", "consistency_weight": 0.3}
)
STUDY = (PET_ONLY, SUPERVISED, DEFAULT, MUDUO, *TABLE_2)
"""All but `DEFAULT` at weight 1.0, see `StudySize.config`. The prompt generator is the supervised PET network: same cases,
same number of iterations."""


def _choice(name: str, **overrides) -> Experiment:
    return Experiment(name, ", ".join(f"{key} {value}" for key, value in overrides.items()), overrides=overrides)


CHOICES = (
    PET_ONLY,
    SUPERVISED,
    MUDUO,
    _choice("mse_0.1", consistency="mse", consistency_weight=0.1),
    _choice("mse_1", consistency="mse", consistency_weight=1.0),
    _choice("mse_3", consistency="mse", consistency_weight=3.0),
    _choice("mse_10", consistency="mse", consistency_weight=10.0),
    _choice("dice_0.1", consistency="dice", consistency_weight=0.1),
    DEFAULT,
    _choice("dice_3", consistency="dice", consistency_weight=3.0),
    _choice("generator_masks", ct_mask_prompt_source="prompt_generator"),
    _choice("probability_masks", ct_mask_prompt_value="probability"),
    _choice("no_suppression", suppress_between_points=False),
    _choice("no_ramp", ramp_up_epochs=0.01),
    _choice("larger_unlabeled_batch", unlabeled_batch_size=4),
)
EXPERIMENTS = {experiment.name: experiment for experiment in (*STUDY, *CHOICES)}
