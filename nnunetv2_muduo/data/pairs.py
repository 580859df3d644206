"""Valid (sample, organ) pairs of an unlabeled batch: the organ stands in the prompt map, and teachers are asked about it."""

from dataclasses import dataclass

import torch
from scipy.ndimage import find_objects
from torch import Tensor

Box = tuple[slice, slice, slice]


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


def asked_map(prompt_map: Tensor, student_map: Tensor, valid_by: str) -> Tensor:
    """The label map [n_samples, 1, *spatial] whose organs teachers are asked about, and in which they are looked for.

    In each sample an organ stands where the prompt map has it. `student`: an organ that the student does not see is gone;
    `student` and `either`: one that the prompt map lacks stands where the student sees it and the prompt map has no other.

    Args:
        prompt_map, student_map: label maps [n_samples, 1, *spatial] on the CPU.
        valid_by: `prompt_map`, `student` or `either`.
    """
    if valid_by == "prompt_map":
        return prompt_map
    asked = prompt_map.clone()
    for sample, own, seen in zip(asked, prompt_map, student_map, strict=True):
        in_prompt_map, in_student_map = own.unique(), seen.unique()
        if valid_by == "student":
            sample[(own > 0) & ~torch.isin(own, in_student_map)] = 0
        lacking = (seen > 0) & ~torch.isin(seen, in_prompt_map)
        sample[lacking & (sample <= 0)] = seen[lacking & (sample <= 0)].to(asked.dtype)
    return asked
