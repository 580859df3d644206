"""nnU-Net trainers of this package; what `-tr` can name."""

from nnunetv2_muduo.trainers.ablations import (
    nnUNetTrainerMuDuo_1epoch,
    nnUNetTrainerMuDuo_5epochs,
    nnUNetTrainerMuDuo_CTTeacherOnly,
    nnUNetTrainerMuDuo_FixedThreshold,
    nnUNetTrainerMuDuo_NoFilter,
    nnUNetTrainerMuDuo_paper,
    nnUNetTrainerMuDuo_PETTeacherOnly,
    nnUNetTrainerMuDuo_SinglePoint,
)
from nnunetv2_muduo.trainers.cfr import nnUNetTrainerCFR
from nnunetv2_muduo.trainers.cps import nnUNetTrainerCPS
from nnunetv2_muduo.trainers.mean_teacher import nnUNetTrainerMeanTeacher
from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo
from nnunetv2_muduo.trainers.prompt_generator import (
    nnUNetTrainerMuDuoPromptGenerator,
    nnUNetTrainerMuDuoPromptGenerator_1epoch,
    nnUNetTrainerMuDuoPromptGenerator_5epochs,
)
from nnunetv2_muduo.trainers.sassnet import nnUNetTrainerSASSNet
from nnunetv2_muduo.trainers.self_training import (
    nnUNetTrainerSelfTraining,
    nnUNetTrainerSelfTraining_Generation0,
    nnUNetTrainerSelfTraining_Generation1,
    nnUNetTrainerSelfTraining_Generation2,
)
from nnunetv2_muduo.trainers.semisam_plus import nnUNetTrainerSemiSAMPlus
from nnunetv2_muduo.trainers.supervised import nnUNetTrainerMuDuo_Supervised
from nnunetv2_muduo.trainers.uncertainty_aware import nnUNetTrainerUAMeanTeacher

__all__ = [
    "nnUNetTrainerCFR",
    "nnUNetTrainerCPS",
    "nnUNetTrainerMeanTeacher",
    "nnUNetTrainerMuDuo",
    "nnUNetTrainerMuDuoPromptGenerator",
    "nnUNetTrainerMuDuoPromptGenerator_1epoch",
    "nnUNetTrainerMuDuoPromptGenerator_5epochs",
    "nnUNetTrainerMuDuo_1epoch",
    "nnUNetTrainerMuDuo_5epochs",
    "nnUNetTrainerMuDuo_CTTeacherOnly",
    "nnUNetTrainerMuDuo_FixedThreshold",
    "nnUNetTrainerMuDuo_NoFilter",
    "nnUNetTrainerMuDuo_PETTeacherOnly",
    "nnUNetTrainerMuDuo_SinglePoint",
    "nnUNetTrainerMuDuo_Supervised",
    "nnUNetTrainerMuDuo_paper",
    "nnUNetTrainerSASSNet",
    "nnUNetTrainerSelfTraining",
    "nnUNetTrainerSelfTraining_Generation0",
    "nnUNetTrainerSelfTraining_Generation1",
    "nnUNetTrainerSelfTraining_Generation2",
    "nnUNetTrainerSemiSAMPlus",
    "nnUNetTrainerUAMeanTeacher",
]
