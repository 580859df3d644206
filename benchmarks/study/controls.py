"""Trainers of the controls: each changes one thing about MuDuo, self-training or supervised training."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from torch import Tensor

from nnunetv2_muduo.config import MuDuoConfig, load_config
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.distillation.losses import pair_losses
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits
from nnunetv2_muduo.distillation.selection import pair_weights
from nnunetv2_muduo.trainers import (
    nnUNetTrainerMuDuo,
    nnUNetTrainerMuDuo_Supervised,
    nnUNetTrainerSelfTraining,
    nnUNetTrainerSelfTraining_Generation0,
)
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer, UnlabeledPatches


class nnUNetTrainerStudyMapAsLabel(SemiSupervisedTrainer):
    """MuDuo's loss and weight on all valid pairs, with the prompt map itself as pseudo label: no teacher says anything."""

    config_class = MuDuoConfig
    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator"
    on_teachers_patch = True

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        pairs = valid_pairs(patches.prompt_map, self.organ_labels)
        labels = torch.tensor(self.organ_labels)[pairs.organs]
        masks = patches.prompt_map[pairs.samples, 0] == labels.view(-1, 1, 1, 1)
        weights = pair_weights(pairs.as_matrix(torch.ones(len(pairs)), 0.0) > 0)
        samples, organs = pairs.indices(self.device)
        probs = student_logits.softmax(1)[samples, 1 + organs]
        losses, _ = pair_losses(probs, self._to_device(masks), "dice")
        return (pairs.from_matrix(self._to_device(weights)) * losses).sum() + 0.0 * student_logits.sum(), {}


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
        return UnlabeledDataset(self.preparation.unlabeled_folder, self.true_maps, self.unlabeled_cases, ())


class nnUNetTrainerStudyRandomChoice(nnUNetTrainerMuDuo):
    """The filter keeps as many pairs, but by chance."""

    def initialize(self):
        super().initialize()
        within_memory, generator = self.within_memory, torch.Generator().manual_seed(torch.initial_seed())

        def by_chance(function, *args):
            result = within_memory(function, *args)
            if function is not agreement_of_logits:
                return result
            return torch.rand(result.shape, generator=generator).to(result)

        self.within_memory = by_chance


class nnUNetTrainerStudyFourLabeled(nnUNetTrainerMuDuo_Supervised):
    """Twice as many labeled patches in a step: as many as MuDuo's labeled and unlabeled ones."""

    def _set_batch_size_and_oversample(self):
        super()._set_batch_size_and_oversample()
        self.batch_size *= 2


class nnUNetTrainerStudyMildAugmentation(nnUNetTrainerMuDuo_Supervised):
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
