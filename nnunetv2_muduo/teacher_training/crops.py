"""Crops for a teacher's training: a cube around an organ, and the masks of the organs in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nnunetv2_muduo.teacher_training.randomization import randomize
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.patch_space import normalize_ct, normalize_pet

JITTER_PART = 1 / 4  # of the crop's edge, to either side (published: none, but MuDuo's patches lie anywhere)
_NORMALIZE = {"ct": normalize_ct, "pet": normalize_pet}


@dataclass(frozen=True)
class Crops:
    """Crops of a batch, in the teacher's axes (x, y, z).

    image: normalized [B, 1, S, S, S]. truth_mask: boolean, one for each of N organs in them, [N, S, S, S].
    crop_index: [N], the crop of each organ. is_noisy: [N], whether its label is of low quality. organs: their N names.
    labeled_mask: boolean [B, S, S, S], where a crop has any label at all, whichever of its organs are chosen.
    """

    image: Tensor
    truth_mask: Tensor
    crop_index: Tensor
    is_noisy: Tensor
    organs: list[str]
    labeled_mask: Tensor

    def to(self, device: torch.device) -> "Crops":
        tensors = (self.image, self.truth_mask, self.crop_index, self.is_noisy)
        return Crops(*(tensor.to(device) for tensor in tensors), self.organs, self.labeled_mask.to(device))

    def of_organs(self, indices: list[int]) -> "Crops":
        """The same crops with some of their organs."""
        organs = [self.organs[i] for i in indices]
        of_organs = (array[indices] for array in (self.truth_mask, self.crop_index, self.is_noisy))
        return Crops(self.image, *of_organs, organs, self.labeled_mask)


@dataclass(frozen=True)
class Cropper:
    """Cuts crops of edge `size` (voxels) with at most `max_organs` organs for a teacher of `modality`.

    noisy_names: the cases whose labels are of low quality.
    flip_axes: the axes along which random crops may be flipped.
    randomize: whether random crops are changed as other scanners, bodies and tracers would; see `randomization`.
    """

    modality: str
    size: int
    max_organs: int
    noisy_names: frozenset[str] = frozenset()
    flip_axes: tuple[int, ...] = (0, 1, 2)
    randomize: bool = False

    def random_crops(self, volumes: list[Volume], n: int, generator: torch.Generator) -> Crops:
        """Random cases, organs, shifts and flips, as SAM-Med3D draws them."""
        return join_crops([self.random_crop(volumes[_below(len(volumes), generator)], generator) for _ in range(n)])

    def random_crop(self, volume: Volume, generator: torch.Generator) -> Crops:
        """One crop around a random organ, shifted and flipped at random."""
        center = list(volume.centers.values())[_below(len(volume.centers), generator)]
        reach = int(JITTER_PART * self.size)
        shift = torch.randint(-reach, reach + 1, (3,), generator=generator).numpy()
        flipped = [axis for axis in self.flip_axes if _below(2, generator)]
        seed = _below(2**31, generator) if self.randomize else None
        return self.crop(volume, np.add(center, shift), generator, flipped, seed)

    def crop(
        self,
        volume: Volume,
        center,
        generator: torch.Generator,
        flipped: Sequence[int] = (),
        randomize_seed: int | None = None,
    ) -> Crops:
        """The crop around a voxel, with a random choice of its organs; with a seed its image is changed at random."""
        image, labels = (
            np.flip(cut_cube(array, center, self.size), flipped) for array in (volume.image, volume.labels)
        )
        if randomize_seed is not None:
            image = randomize(image, labels, self.modality, np.random.default_rng(randomize_seed))
        organs = self._choose(labels, volume, generator)
        image = torch.from_numpy(image.astype(np.float32))
        truth = [torch.from_numpy(labels == label) for label in organs]
        return Crops(
            _NORMALIZE[self.modality](image[None, None]),
            torch.stack(truth) if truth else torch.zeros(0, *[self.size] * 3, dtype=torch.bool),
            torch.zeros(len(organs), dtype=torch.long),
            torch.full((len(organs),), volume.name in self.noisy_names),
            [volume.organs[label] for label in organs],
            torch.from_numpy(labels > 0)[None],
        )

    def _choose(self, labels: np.ndarray, volume: Volume, generator: torch.Generator) -> list[int]:
        counts = np.bincount(labels.ravel(), minlength=256)
        present = [label for label in volume.organs if counts[label] >= volume.min_organ_voxels]
        return [present[i] for i in torch.randperm(len(present), generator=generator)[: self.max_organs].tolist()]


def cut_cube(array: np.ndarray, center, size: int) -> np.ndarray:
    """Cube of edge `size` whose voxel size // 2 is `center`, filled up with zeros, as in SAM-Med3D."""
    start = np.asarray(center) - size // 2
    lower, upper = np.clip(start, 0, array.shape), np.clip(start + size, 0, array.shape)
    cube = np.zeros((size,) * 3, array.dtype)
    target = tuple(slice(a - s, b - s) for a, b, s in zip(lower, upper, start, strict=True))
    cube[target] = array[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))]
    return cube


def join_crops(parts: list[Crops]) -> Crops:
    """Several batches as one."""
    starts = np.cumsum([0] + [len(part.image) for part in parts[:-1]]).tolist()
    return Crops(
        torch.cat([part.image for part in parts]),
        torch.cat([part.truth_mask for part in parts]),
        torch.cat([part.crop_index + start for part, start in zip(parts, starts, strict=True)]),
        torch.cat([part.is_noisy for part in parts]),
        [organ for part in parts for organ in part.organs],
        torch.cat([part.labeled_mask for part in parts]),
    )


def _below(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))
