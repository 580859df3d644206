"""SemiSAM+ (Zhang et al. 2025, arXiv 2502.20749): Mean Teacher, and one promptable generalist that the student itself prompts.

    unlabeled patch ─┬─► student ─► organs ─┬─► clicks or mask ─► generalist ─► mask, and how sure it is of it
                     │                      └─────────────────────► squared difference ◄──┘   (weight falls)
                     └─► moving average of the student ─► squared difference                  (weight rises)

As intended, where the released code differs: an organ's prompts come from the student's own mask of it (released: from its soft
map, which is above 0 everywhere, so that clicks say nothing of the organ); clicks add up; uncertainty is each voxel's variance
over rounds and lowers its weight (released: one number, which cancels); the patch is encoded once for all organs. One
generalist is asked, on CT or on PET by the config.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnunetv2_muduo.config import TeachersConfig, one_of, positive, weight
from nnunetv2_muduo.data.loader import resume_generator
from nnunetv2_muduo.distillation.losses import ramp_up
from nnunetv2_muduo.distillation.uncertainty import certainty_weighted_difference
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.trainers.mean_teacher import MeanTeacherConfig, nnUNetTrainerMeanTeacher
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches
from nnunetv2_muduo.trainers.taught import TaughtTrainer


@dataclass(frozen=True)
class SemiSAMPlusConfig(MeanTeacherConfig, TeachersConfig):
    """SemiSAM+'s choices, beside Mean Teacher's; the generalist is the `ct_teacher` or the `pet_teacher`."""

    generalist: str = one_of("ct", "pet")
    """Modality of the one generalist that is asked."""

    generalist_prompt: str = one_of("clicks", "mask")
    """`clicks` that add up, each where the last answer differs from the student's organ, or the student's `mask` once."""

    generalist_rounds: int = positive(10, most=1000)
    """Clicks for each organ."""

    generalist_weight: float = weight(0.01)
    """Weight of the generalist at the start of the training; it falls as the ramp-up rises, over all epochs."""

    @property
    def modalities(self) -> tuple[str, ...]:
        return (self.generalist,)


class nnUNetTrainerSemiSAMPlus(TaughtTrainer, nnUNetTrainerMeanTeacher):
    """Mean Teacher and a generalist, who has his say early in the training."""

    config_class = SemiSAMPlusConfig
    logged = ("generalist_losses",)

    n_not_finite: int = 0
    """Answers of the present epoch that are no finite numbers."""

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        loss, _ = super().unlabeled_loss(student_logits, patches)
        from_generalist = self.generalist_loss(student_logits.softmax(1), patches.physical)
        # The base weighs the sum by the rising weight, which is above 0 here: the generalist has a falling one.
        share = self.generalist_weight() / self.consistency_weight()
        return loss + share * from_generalist, {"generalist_losses": from_generalist.detach().cpu().numpy()}

    def epoch_measures(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """The base's; answers that are no finite numbers, and taught nothing, are counted in the log."""
        if self.n_not_finite:
            self.print_to_log_file(
                f"WARNING: the generalist's answers about {self.n_not_finite} organs were not finite numbers and taught nothing. "
                "Look for extreme values in the unlabeled images, or at the generalist's file."
            )
            self.n_not_finite = 0
        return super().epoch_measures(outputs)

    def generalist_weight(self) -> float:
        """Weight of the generalist in this epoch: that of the ramp-up, backwards over the whole training."""
        return self.muduo_config.generalist_weight * ramp_up(self.num_epochs - self.current_epoch, self.num_epochs)

    def generalist_loss(self, student_probs: Tensor, physical: dict[str, Tensor]) -> Tensor:
        """Mean over the organs that the student sees in a patch, and over patches, of the difference from the answers.

        An answer that is not finite teaches nothing; `n_not_finite` counts them.
        """
        generalist, loss = self.muduo_config.generalist, 0.0 * student_probs.sum()
        with torch.no_grad(), self._autocast():
            embeddings = self.ensemble.encode(generalist, physical[generalist])
        for sample, organs in enumerate(self.organs_seen(student_probs)):
            if organs:
                with torch.no_grad(), self._autocast():
                    answers = self.ask(embeddings[sample : sample + 1], student_probs[sample].detach(), organs)
                answered = answers[1].flatten(1).isfinite().all(1)
                self.n_not_finite += int((~answered).sum())
                own = student_probs[sample, [1 + organ for organ in organs]][answered]
                differences = certainty_weighted_difference(own, *(answer[answered] for answer in answers))
                loss = loss + differences.sum() / answered.sum().clamp(min=1)
        return loss / len(student_probs)

    @staticmethod
    def organs_seen(student_probs: Tensor) -> list[list[int]]:
        """For each patch the numbers, from 0, of the organs that are the student's answer in some voxel."""
        answers = student_probs.argmax(1)
        return [[int(value) - 1 for value in answer.unique() if value > 0] for answer in answers]

    def ask(self, embedding: Tensor, student_probs: Tensor, organs: list[int]) -> tuple[Tensor, Tensor]:
        """The generalist's masks [n, a, b, c] of some organs of one patch, and their variance over rounds.

        Args:
            embedding: [1, C, n, n, n] of the patch.
            student_probs: [1 + n_organs, a, b, c], without gradient.
        """
        from nnunetv2_muduo.teachers import interaction  # prediction never needs it

        teacher = self.ensemble.teachers[self.muduo_config.generalist]
        numbers = torch.tensor([1 + organ for organ in organs], device=student_probs.device)
        if self.muduo_config.generalist_prompt == "mask":
            maps = self.ensemble.as_teachers_see(student_probs[numbers])
            answers = interaction.ask_with_mask(teacher, embedding, maps)
        else:
            masks = self.ensemble.masks_as_teachers_see(student_probs.argmax(0) == numbers[:, None, None, None])
            n_rounds, generator = self.muduo_config.generalist_rounds, self.click_generator
            answers = interaction.ask_with_clicks(teacher, embedding, masks, n_rounds, generator)
        return tuple(self.ensemble.as_patch(answer, student_probs.shape[1:]) for answer in answers)

    def initialize(self):
        super().initialize()
        generalist = self.muduo_config.generalist
        if generalist not in self.physical:
            channels = ", ".join(channel_names(self.dataset_json))
            raise NotImplementedError(
                f"{type(self).__name__} asks a generalist on {generalist.upper()}, but dataset.json has {channels}. Set "
                f"generalist in the config to the modality that is there."
            )
        # Own generator, so that clicks change no other random number of the training.
        self.click_generator = torch.Generator(self.device).manual_seed(torch.initial_seed() + self.local_rank)

    def random_states(self) -> dict:
        return {**super().random_states(), "clicks": self.click_generator.get_state()}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        resume_generator(self.click_generator, states["clicks"])
