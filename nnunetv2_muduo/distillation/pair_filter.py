"""Filter of the (sample, organ) pairs of a training: which of a batch teach, and what it remembers of earlier batches."""

import torch
from torch import Tensor

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.distillation.selection import (
    Agreements,
    followed_lead,
    pair_scores,
    pair_weights,
    remembered,
    select_pairs,
    weights_by_lead,
)


class PairFilter:
    """Chooses pairs as the config says. Given the batch of all GPUs, every process remembers and chooses the same."""

    def __init__(self, config: MuDuoConfig, n_organs: int, device: torch.device):
        self.config = config
        self.scores = torch.full((config.score_memory, n_organs), torch.nan, device=device)
        self.mean_lead = torch.full((n_organs,), torch.nan, device=device)
        self.n_batches = torch.zeros(n_organs, dtype=torch.int64, device=device)

    def choose(self, measured: Agreements) -> Tensor:
        """The pairs of a batch that teach, as a boolean mask [n_samples, n_organs]."""
        config = self.config
        if config.pair_selection == "threshold":
            least = max(config.agreement_threshold, config.least_agreement)
            return select_pairs(measured.agreement, "threshold", least)
        return select_pairs(self._scores(measured), config.pair_selection, earlier=self.scores)

    def weights(self, kept: Tensor) -> Tensor:
        """Weights of the pairs of a batch in its loss."""
        return pair_weights(kept, weights_by_lead(self.mean_lead) if self.config.follows_lead else None)

    def remember(self, measured: Agreements) -> None:
        """Take note of a batch, for those after it."""
        if self.config.pair_selection == "best_half_of_memory":
            self.scores = remembered(self.scores, self._scores(measured))
        if self.config.follows_lead:
            self.mean_lead, self.n_batches = followed_lead(self.mean_lead, self.n_batches, measured.lead)

    def state(self) -> dict[str, Tensor]:
        """What it remembers."""
        return {"scores": self.scores, "mean_lead": self.mean_lead, "n_batches": self.n_batches}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave, on whatever device."""
        for name, values in state.items():
            setattr(self, name, values.to(self.scores.device))

    def _scores(self, measured: Agreements) -> Tensor:
        kind = self.config.pair_score if self.config.measures_lead else "agreement"
        return pair_scores(measured, kind, self.config.least_agreement)
