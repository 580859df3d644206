"""Asking the teachers: with whose map, about which organs of a patch, and what they and the student's average answer.

unlabeled patch ─┬─ augmented or clean view ► student or its average ─► mask prompts ─┐
                 │                                    └─► (valid organs) ──┐           │
                 ├─ prompt map ───────────────────────────────────────────┴─ points ─┤
                 └─ CT in HU, PET in SUV ────────────────────────────────────────────┴► teachers ─► answers
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nnunetv2_muduo.data.pairs import Pairs, asked_map, valid_pairs
from nnunetv2_muduo.data.views import split_views
from nnunetv2_muduo.distillation.mixture import Mixture
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits, agreements_of_masks
from nnunetv2_muduo.distillation.selection import Agreements
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.moving_average import MovingAverageTrainer
from nnunetv2_muduo.trainers.out_of_memory import ChunkFallback
from nnunetv2_muduo.trainers.semi_supervised import StepCosts, UnlabeledPatches
from nnunetv2_muduo.trainers.taught import TaughtTrainer


@dataclass(frozen=True)
class Answers:
    """What is said of the organs of B unlabeled patches.

    pairs: the valid (sample, organ) pairs.
    teacher_logits: by modality, low-resolution logits [n_pairs, 1, s, s, s].
    average_probs: probabilities [B, 1 + n_organs, a, b, c] of the student's moving average; None where it has no voice.
    """

    pairs: Pairs
    teacher_logits: dict[str, Tensor]
    average_probs: Tensor | None


class AskingTrainer(TaughtTrainer, MovingAverageTrainer):
    """Training whose teachers are asked as a `MuDuoConfig` says."""

    within_memory: ChunkFallback
    """Runs parts of the teacher stage, in smaller pieces where the GPU has no room."""

    @property
    def keeps_average(self) -> bool:
        return self.muduo_config.keeps_average

    @classmethod
    def step_costs(cls, config) -> StepCosts:
        return StepCosts(further_passes=int(config.keeps_average))

    @property
    def wants_clean_view(self) -> bool:
        return self.muduo_config.prompting_view == "clean"

    def initialize(self):
        super().initialize()
        self.within_memory = ChunkFallback(self.device, self.print_to_log_file)

    @torch.no_grad()
    def ask(self, patches: UnlabeledPatches, student_probs: Tensor) -> Answers:
        """Ask the teachers, and the moving average, about a batch.

        Args:
            student_probs: probabilities [B, 1 + n_organs, a, b, c] of the student on its own view, without gradient.
        """
        config = self.muduo_config
        view = patches.clean_view if config.prompting_view == "clean" else patches.student_view
        average_probs = self.within_memory(self.average_probs, view) if config.keeps_average else None
        prompting_probs = average_probs if config.prompting_network == "average" else student_probs
        if config.prompting_network == "student" and config.prompting_view == "clean":
            prompting_probs = self.probs_at_rest(view)
        prompt_map = self._asked_map(patches.prompt_map, prompting_probs)
        pairs = valid_pairs(prompt_map, self.organ_labels)
        with self._autocast():
            teacher_logits = self.within_memory(
                self.ensemble.predict, patches.physical, self._to_device(prompt_map), prompting_probs, pairs
            )
        return Answers(pairs, teacher_logits, average_probs if config.average_share else None)

    def ask_at_rest(self, views: Tensor, prompt_map: Tensor) -> tuple[Tensor, Answers]:
        """The student's probabilities, and all answers, on patches without augmentation; leaves no trace in the training.

        Args:
            views: student's view, CT and PET [B, 4, a, b, c].
            prompt_map: organ labels [B, 1, a, b, c] on the CPU.
        """
        student_view, ct_hu, pet_suv = split_views(self._to_device(views))
        patches = UnlabeledPatches(student_view, {"ct": ct_hu, "pet": pet_suv}, prompt_map, student_view)
        student_probs = self.probs_at_rest(student_view)
        return student_probs, self.ask(patches, student_probs)

    @torch.no_grad()
    def measure(self, answers: Answers, student_probs: Tensor) -> Tensor:
        """`Agreements` of the pairs of a batch, and 1 where an answer is not finite, which makes a pair invalid: four matrices,
        side by side [B, 4 * n_organs], so that processes exchange them at once.
        """
        pairs, logits = answers.pairs, answers.teacher_logits
        agreement = self.within_memory(agreement_of_logits, logits, self.patch_size)
        with_student = lead = torch.full_like(agreement, torch.nan)
        if self.muduo_config.measures_lead:
            with_student, of_teachers = self.within_memory(agreements_of_masks, student_probs, logits, pairs)
            lead = of_teachers - with_student
        finite = agreement.isfinite()
        not_finite = pairs.as_matrix((~finite).to(agreement.dtype), missing=0.0)
        valid = (values.where(finite, torch.nan) for values in (agreement, with_student, lead))
        return torch.cat([*map(pairs.as_matrix, valid), not_finite], 1)

    @staticmethod
    def agreements_in(measured: Tensor) -> tuple[Agreements, Tensor]:
        """What `measure` put side by side: the agreements, and where an answer is not finite [B, n_organs]."""
        *of_pairs, not_finite = measured.tensor_split(4, 1)
        return Agreements(*of_pairs), not_finite

    def mixture(self, answers: Answers, alpha: Tensor) -> Mixture:
        """The answers mixed, with CT's share of each pair [n_pairs], into pseudo labels."""
        config = self.muduo_config
        # More of it as the student learns, which overtakes the teachers in the end.
        grown = config.average_share * self.current_epoch / self.num_epochs
        return Mixture(
            answers.teacher_logits,
            answers.pairs,
            alpha,
            self.patch_size,
            config.pseudo_label,
            answers.average_probs,
            grown,
        )

    @torch.no_grad()
    def probs_at_rest(self, view: Tensor) -> Tensor:
        """Probabilities [B, 1 + n_organs, a, b, c] of the student on a view, without a trace in the training."""
        with at_rest(self.network) as network, self._autocast():
            return self.full_resolution(network(view)).float().softmax(1)

    def _asked_map(self, prompt_map: Tensor, prompting_probs: Tensor) -> Tensor:
        """The map of organs to ask about; only with the student's own does the CPU wait for the GPU."""
        if self.muduo_config.valid_by == "prompt_map":
            return prompt_map
        labels = torch.tensor([0, *self.organ_labels])
        student_map = labels[prompting_probs.argmax(1, keepdim=True).cpu()]
        return asked_map(prompt_map, student_map, self.muduo_config.valid_by)


@contextmanager
def at_rest(network: nn.Module) -> Iterator[nn.Module]:
    """The bare network in eval mode: DDP would wait for other processes, a compiled one would compile for this batch."""
    bare = distributed.bare(network)
    was_training = bare.training
    bare.eval()
    try:
        yield bare
    finally:
        bare.train(was_training)
