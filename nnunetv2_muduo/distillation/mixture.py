"""Mixture of what teachers and, where wanted, the student's moving average say, and the pseudo labels that it becomes.

The paper's mixture (eq. 6) is of two teachers, cut off at one half for each organ by itself; docs/method.md has the others.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nnunetv2_muduo.data.pairs import Pairs
from nnunetv2_muduo.distillation.pseudo_labels import (
    PAIRS_PER_CHUNK,
    mixed_probs,
    of_pairs,
    probs_of,
    pseudo_label,
)


@dataclass(frozen=True)
class Mixture:
    """The answers to the pairs of a batch, and how they are mixed.

    teacher_logits: by modality, low-resolution logits [n_pairs, 1, s, s, s].
    alpha: share of CT in the teachers' mixture [n_pairs], in [0, 1].
    rule: `threshold`, `argmax` or `soft`, as the config's `pseudo_label`.
    average_probs: probabilities [B, 1 + n_organs, *patch_size] of the student's moving average; None: it has no voice.
    average_share: its share beside the teachers', in [0, 1].
    """

    teacher_logits: dict[str, Tensor]
    pairs: Pairs
    alpha: Tensor
    patch_size: tuple[int, ...]
    rule: str = "threshold"
    average_probs: Tensor | None = None
    average_share: float = 0.0

    @torch.no_grad()
    def labels(self, part: slice) -> Tensor:
        """Pseudo labels [n, *patch_size] of the pairs in `part`: masks (boolean), by the rule `soft` probabilities."""
        if self.rule == "threshold" and self.average_probs is None:
            return pseudo_label(of_pairs(self.teacher_logits, part), self.alpha[part], self.patch_size)
        mixed = self.probs(part)
        if self.rule == "soft":
            return mixed
        if self.rule == "argmax":
            return (mixed > 0.5) & (mixed >= self._highest[self._samples[part]])
        return mixed > 0.5

    def probs(self, part: slice) -> Tensor:
        """Mixed probabilities [n, *patch_size] of the pairs in `part`; 0 where an answer is not a number."""
        of = probs_of(of_pairs(self.teacher_logits, part), self.patch_size)
        mixed = mixed_probs(of["ct"], of["pet"], self.alpha[part]) if len(of) == 2 else next(iter(of.values()))
        if self.average_probs is not None:
            own = self.average_probs[self._samples[part], 1 + self._organs[part]]
            mixed = mixed.lerp(own, self.average_share)
        return mixed.nan_to_num(0.0)

    @cached_property
    def _highest(self) -> Tensor:
        """The highest mixture over the organs of each sample [B, *patch_size]."""
        highest = self.alpha.new_zeros(self.pairs.n_samples, *self.patch_size)
        for start in range(0, len(self.pairs), PAIRS_PER_CHUNK):
            part = slice(start, start + PAIRS_PER_CHUNK)
            mixed = self.probs(part)
            index = self._samples[part].view(-1, 1, 1, 1).expand_as(mixed)
            highest.scatter_reduce_(0, index, mixed, "amax")
        return highest

    @property
    def _samples(self) -> Tensor:
        return self.pairs.indices(self.alpha.device)[0]

    @property
    def _organs(self) -> Tensor:
        return self.pairs.indices(self.alpha.device)[1]
