"""Which (sample, organ) pairs of an unlabeled batch can teach, and which of them do."""

from dataclasses import dataclass

import torch
from scipy.ndimage import find_objects
from torch import Tensor

from nnunetv2_muduo.distillation.prompts import Box


@dataclass(frozen=True)
class Pairs:
    """The valid (sample, organ) pairs of a batch, in the order sample by sample.

    `samples` and `organs` are index tensors [n_pairs] into the batch and into the list of organs, on the CPU. `boxes` holds
    for each sample its organs (indices, in order) and the smallest box around each in the prompt map. All of it comes from
    the prompt map before that goes to the GPU, so that knowing which pairs there are never waits for the GPU.
    """

    samples: Tensor
    organs: Tensor
    n_samples: int
    n_organs: int
    boxes: tuple[dict[int, Box], ...]

    def __len__(self) -> int:
        return len(self.samples)

    def of_sample(self, sample: int) -> slice:
        """Where the pairs of one sample stand."""
        start = sum(len(of_sample) for of_sample in self.boxes[:sample])
        return slice(start, start + len(self.boxes[sample]))

    def indices(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """`samples` and `organs` on a device, without waiting for it."""
        return self.samples.to(device, non_blocking=True), self.organs.to(device, non_blocking=True)

    def as_matrix(self, values: Tensor, missing: float = float("nan")) -> Tensor:
        """Values [n_pairs] laid out as [n_samples, n_organs], `missing` where there is no valid pair."""
        matrix = values.new_full((self.n_samples, self.n_organs), missing)
        return matrix.index_put(self.indices(values.device), values)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """The entries [n_pairs] of a matrix [n_samples, n_organs] at the valid pairs."""
        return matrix[self.indices(matrix.device)]


def valid_pairs(prompt_map: Tensor, organ_labels: list[int]) -> Pairs:
    """Pairs whose organ stands in the sample's prompt map; the others are neither decoded nor counted.

    Args:
        prompt_map: organ labels [n_samples, 1, *spatial] on the CPU.
        organ_labels: label value of every organ, without background.
    """
    found = [find_objects(sample[0].numpy(), max(organ_labels)) for sample in prompt_map]
    boxes = tuple(
        {organ: of_labels[label - 1] for organ, label in enumerate(organ_labels) if of_labels[label - 1] is not None}
        for of_labels in found
    )
    samples = torch.tensor([sample for sample, of_sample in enumerate(boxes) for _ in of_sample], dtype=torch.int64)
    organs = torch.tensor([organ for of_sample in boxes for organ in of_sample], dtype=torch.int64)
    return Pairs(samples, organs, len(prompt_map), len(organ_labels), boxes)


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
