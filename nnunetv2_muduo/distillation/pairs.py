"""Which (sample, organ) pairs of an unlabeled batch can teach, and which of them do."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """The valid (sample, organ) pairs of a batch, in the order sample by sample.

    `samples` and `organs` are index tensors [n_pairs] into the batch and into the list of organs, `n_samples` and
    `n_organs` the lengths of those two. They stay on the CPU, where the prompt map came from, so that knowing how many
    pairs there are never waits for the GPU.
    """

    samples: Tensor
    organs: Tensor
    n_samples: int
    n_organs: int

    def __len__(self) -> int:
        return len(self.samples)

    def of_sample(self, sample: int) -> slice:
        """Where the pairs of one sample stand."""
        start, stop = torch.searchsorted(self.samples, torch.tensor([sample, sample + 1])).tolist()
        return slice(start, stop)

    def as_matrix(self, values: Tensor, missing: float = float("nan")) -> Tensor:
        """Values [n_pairs] laid out as [n_samples, n_organs], `missing` where there is no valid pair."""
        matrix = values.new_full((self.n_samples, self.n_organs), missing)
        return matrix.index_put((self.samples.to(values.device), self.organs.to(values.device)), values)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """The entries [n_pairs] of a matrix [n_samples, n_organs] at the valid pairs."""
        return matrix[self.samples.to(matrix.device), self.organs.to(matrix.device)]


def valid_pairs(prompt_map: Tensor, organ_labels: list[int]) -> Pairs:
    """Pairs whose organ stands in the sample's prompt map; the others are neither decoded nor counted.

    Args:
        prompt_map: organ labels [n_samples, 1, *spatial] on the CPU.
        organ_labels: label value of every organ, without background.
    """
    present = torch.stack(
        [torch.isin(torch.tensor(organ_labels), sample.unique().to(torch.int64)) for sample in prompt_map]
    )
    samples, organs = present.nonzero(as_tuple=True)
    return Pairs(samples, organs, n_samples=len(prompt_map), n_organs=len(organ_labels))


def select_pairs(agreement: Tensor, how: str, threshold: float = 0.5) -> Tensor:
    """The pairs that teach (eq. 5): per organ the best half of the valid samples, all of them, or those in agreement.

    Args:
        agreement: soft IoU [n_samples, n_organs] over the global batch; NaN marks an invalid pair.
        how: `best_half` (at least one sample of each organ that has a valid one), `all`, or `threshold`.
        threshold: least agreement for `threshold`.

    Returns:
        Boolean mask [n_samples, n_organs]; never true where the pair is invalid.
    """
    valid = ~agreement.isnan()
    if how == "all":
        return valid
    if how == "threshold":
        return valid & (agreement >= threshold)
    n_kept = (valid.sum(0) // 2).clamp(min=1)
    order = agreement.masked_fill(~valid, -1).argsort(dim=0, descending=True, stable=True)
    rank = order.argsort(dim=0)  # rank[i, c]: how many samples agree better on organ c than sample i
    return valid & (rank < n_kept)


def pair_weights(kept: Tensor) -> Tensor:
    """Weights [n_samples, n_organs] of the kept pairs in a mean over samples of each organ, then over organs (eq. 7).

    They sum to 1, or are all 0 where nothing was kept.
    """
    n_kept = kept.sum(0)  # per organ
    n_organs = (n_kept > 0).sum()
    return kept / (n_kept.clamp(min=1) * n_organs.clamp(min=1))
