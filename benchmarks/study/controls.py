"""Trainers of the controls: each changes one thing about MuDuo, self-training or supervised training."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from torch import Tensor

from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.data.pairs import Pairs
from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.distillation.pair_filter import PairFilter
from nnunetv2_muduo.distillation.selection import Agreements
from nnunetv2_muduo.trainers import (
    nnUNetTrainerMuDuo,
    nnUNetTrainerMuDuo_PETTeacherOnly,
    nnUNetTrainerMuDuo_Supervised,
    nnUNetTrainerSelfTraining,
    nnUNetTrainerSelfTraining_Generation0,
)

SURE_LOGIT = 20.0
NOT_ASKED = {"ct_prompts": "mask", "pet_prompts": "points", "least_agreement": 0.0}
"""What is read of teachers alone: whatever MuDuo's defaults are, a control without teachers stays the training that it is."""


class PromptMapAnswers:
    """In the teachers' place: answers with the prompt map itself, as surely as any teacher could."""

    def __init__(self, organ_labels: list[int]):
        self.organ_labels = organ_labels

    def predict(
        self,
        images: dict[str, Tensor],
        prompt_map: Tensor,
        student_probs: Tensor,
        pairs: Pairs,
        chunk: int | None = None,
    ) -> dict[str, Tensor]:
        """As `TeacherEnsemble.predict`, at the patch's own resolution."""
        samples, organs = pairs.indices(prompt_map.device)
        labels = torch.tensor(self.organ_labels, device=prompt_map.device)[organs]
        masks = prompt_map[samples] == labels.view(-1, 1, 1, 1, 1)
        return {"pet": SURE_LOGIT * (2.0 * masks - 1.0)}


class nnUNetTrainerStudyMapAsLabel(nnUNetTrainerMuDuo_PETTeacherOnly):
    """MuDuo with the prompt map itself in the teachers' place: every pair of the map teaches, no teacher says anything."""

    config_overrides = {
        **nnUNetTrainerMuDuo_PETTeacherOnly.config_overrides,
        "valid_by": "prompt_map",
        "prompting_network": "student",
        "prompting_view": "augmented",
        **NOT_ASKED,
    }

    def before_training(self) -> None:
        super().before_training()
        self.ensemble, self.teacher_digests = PromptMapAnswers(self.organ_labels), {}


class nnUNetTrainerStudySecondNetwork(nnUNetTrainerSelfTraining_Generation0):
    """A second PET/CT network that labels the unlabeled cases, trained for as long as MuDuo's prompt generator."""

    trains = "second network"

    def _configured_epochs(self) -> int | None:
        return load_config().prompt_generator_num_epochs


class nnUNetTrainerStudySecondMapAsLabel(nnUNetTrainerStudyMapAsLabel):
    """As MapAsLabel, with the map of a network that sees PET and CT."""

    prompt_generator = "nnUNetTrainerStudySecondNetwork"


class nnUNetTrainerStudySelfTraining(nnUNetTrainerSelfTraining):
    """Self-training whose first network was trained as long as every row's student in all."""

    prompt_generator = "nnUNetTrainerStudySecondNetwork"

    @classmethod
    def generators(cls, config) -> tuple[str, ...]:
        return (cls.prompt_generator,)


class nnUNetTrainerStudyTrueMasks(nnUNetTrainerStudyMapAsLabel):
    """As MapAsLabel, with the truth in the map's place; `truth_files` holds each unlabeled case's."""

    truth_files: dict[str, Path]

    def before_training(self) -> None:
        super().before_training()
        self.true_maps = Path(self.output_folder) / "true_maps"
        self.true_maps.mkdir(exist_ok=True)
        for case in self.unlabeled_cases:
            truth = sitk.GetArrayFromImage(sitk.ReadImage(str(self.truth_files[case])))
            organ_map = truth.transpose(self.plans_manager.transpose_forward).astype(np.uint8)
            write_prompt_map(organ_map[None], self.true_maps, case, self.organ_labels, list(self.patch_size))

    def unlabeled_dataset(self) -> UnlabeledDataset:
        folders = self.preparation.unlabeled_folder, self.true_maps
        return UnlabeledDataset(*folders, self.unlabeled_cases, list(self.physical.values()))


class ChoiceByChance(PairFilter):
    """Keeps as large a share of each organ's pairs as the filter has kept so far, but by chance; all else is the filter's."""

    def __init__(self, *args):
        super().__init__(*args)
        self.n_valid, self.n_kept = torch.zeros_like(self.n_batches), torch.zeros_like(self.n_batches)
        self.chance = torch.Generator().manual_seed(torch.initial_seed())

    def choose(self, measured: Agreements) -> Tensor:
        valid = ~measured.agreement.isnan()
        self.n_valid += valid.sum(0)
        self.n_kept += super().choose(measured).sum(0)
        drawn = torch.rand(valid.shape, generator=self.chance).to(valid.device)
        return valid & (drawn < self.n_kept / self.n_valid.clamp(min=1))


class nnUNetTrainerStudyRandomChoice(nnUNetTrainerMuDuo):
    """The filter keeps as many pairs, but by chance."""

    def initialize(self):
        super().initialize()
        self.pair_filter = ChoiceByChance(self.muduo_config, len(self.organ_labels), self.device)


class nnUNetTrainerStudyFourLabeled(nnUNetTrainerMuDuo_Supervised):
    """Twice as many labeled patches in a step: as many as MuDuo's labeled and unlabeled ones, the same half around organs."""

    def _set_batch_size_and_oversample(self):
        super()._set_batch_size_and_oversample()
        self.batch_size *= 2
        self.oversample_foreground_percent = 0.5  # of four patches nnU-Net's third would be one


class MildAugmentation:
    """Of nnU-Net's augmentation what small patches bear well: turns and scales, brightness and contrast."""

    kept = (MultiplicativeBrightnessTransform, ContrastTransform)
    config_overrides = {"augmentation": "no_mirroring"}

    def get_training_transforms(self, *args, **kwargs):
        transforms = super().get_training_transforms(*args, **kwargs)
        transforms.transforms = [
            each
            for each in transforms.transforms
            if not isinstance(each, RandomTransform) or isinstance(each.transform, self.kept)
        ]
        return transforms


class nnUNetTrainerStudyMildAugmentation(MildAugmentation, nnUNetTrainerMuDuo_Supervised):
    """Supervised training with mild augmentation."""


class nnUNetTrainerStudyMuDuoMildAugmentation(MildAugmentation, nnUNetTrainerMuDuo):
    """MuDuo with it, of labeled and unlabeled patches."""
