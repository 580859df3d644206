"""Filter of the (sample, organ) pairs of a training: which of a batch teach, and what it remembers of earlier batches."""

import torch
from torch import Tensor

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.distillation.selection import (
    followed_lead,
    pair_scores,
    pair_weights,
    remembered,
    select_pairs,
    weights_by_lead,
)


class PairFilter:
    """Chooses pairs as the config says. Given the batch of all GPUs, every process remembers and chooses the same.

    Matrices are [n_samples, n_organs]: `agreement`, the soft IoU of the two teachers, NaN where a pair is invalid; and
    `with_student`, the mean soft IoU of teachers and student, which matters where `config.measures_lead`.
    """

    def __init__(self, config: MuDuoConfig, n_organs: int, device: torch.device):
        self.config = config
        self.scores = torch.full((config.score_memory, n_organs), torch.nan, device=device)
        self.mean_lead = torch.full((n_organs,), torch.nan, device=device)

    def choose(self, agreement: Tensor, with_student: Tensor) -> Tensor:
        """The pairs of a batch that teach, as a boolean mask."""
        config, scores = self.config, self._scores(agreement, with_student)
        if config.pair_selection == "threshold":
            return select_pairs(agreement, "threshold", max(config.agreement_threshold, config.least_agreement))
        return select_pairs(scores, config.pair_selection, earlier=self.scores)

    def weights(self, kept: Tensor) -> Tensor:
        """Weights of the pairs of a batch in its loss."""
        return pair_weights(kept, weights_by_lead(self.mean_lead) if self.config.follows_lead else None)

    def remember(self, agreement: Tensor, with_student: Tensor) -> None:
        """Take note of a batch, for those after it."""
        if self.config.pair_selection == "best_half_of_memory":
            self.scores = remembered(self.scores, self._scores(agreement, with_student))
        if self.config.follows_lead:
            self.mean_lead = followed_lead(self.mean_lead, agreement, with_student)

    def state(self) -> dict[str, Tensor]:
        """What it remembers."""
        return {"scores": self.scores, "mean_lead": self.mean_lead}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave, on whatever device."""
        self.scores = state["scores"].to(self.scores.device)
        self.mean_lead = state["mean_lead"].to(self.mean_lead.device)

    def _scores(self, agreement: Tensor, with_student: Tensor) -> Tensor:
        kind = self.config.pair_score if self.config.measures_lead else "agreement"
        return pair_scores(agreement, with_student, kind, self.config.least_agreement)
