"""A promptable network over a whole image: patches around the prompts, further ones where the mask touches a border."""

import hashlib
import time
from collections import OrderedDict

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor

from nnunetv2_muduo.prompting.answers import Answer
from nnunetv2_muduo.prompting.patch_prompts import Corner, PatchPrompts
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.prompting.volume import TeacherVolume, crop
from nnunetv2_muduo.teachers.patch_space import normalize_ct, normalize_pet, patch_probs
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts, mask_prompts
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

MOST_PATCHES = 32
"""Of one answer: 128 voxels of 1.5 mm with half overlap then follow a mask over more than half a meter."""
KEPT_BYTES = 256 * 2**20
"""Of embeddings; those of 340 patches of the public networks."""
KEPT_ROUNDS = 256
"""Answers before the last one, from which a further click goes on; 32 MB of the public networks."""
_NORMALIZE = {"ct": normalize_ct, "pet": normalize_pet}


class NetworkTeacher:
    """A teacher of `load_teacher`, asked in rounds, as it was trained: each prompt corrects the answer to those before it.

    Args:
        modality: "ct" or "pet".
        spacing_mm: voxel size that the network was trained at.
    """

    def __init__(self, network: Sam3DTeacher, modality: str, spacing_mm: float):
        self.network, self.modality, self.spacing_mm = network, modality, spacing_mm
        self._embeddings: OrderedDict[Corner, Tensor] = OrderedDict()
        self._rounds: OrderedDict[bytes, Tensor] = OrderedDict()
        self.n_encoded, self.encode_seconds = 0, 0.0

    @property
    def edge(self) -> int:
        return self.network.image_size

    def set_image(self, image: sitk.Image, reference: sitk.Image) -> None:
        self.volume = TeacherVolume(image, reference, self.spacing_mm)
        self.space = ImageSpace.of(reference)
        self._embeddings.clear()
        self._rounds.clear()
        self.encode_seconds = 0.0

    @torch.no_grad()
    def answer(self, prompts: list[Prompt]) -> Answer:
        asked = PatchPrompts.of(self, prompts)
        if asked.masks and not asked.corners:  # nothing to correct yet
            return Answer.of_mask(asked.given_mask)
        probs: dict[Corner, np.ndarray] = {}
        waiting = list(asked.corners)
        while waiting and len(probs) < MOST_PATCHES:
            corner = waiting.pop(0)
            if corner in probs:
                continue
            probs[corner] = self._decode(corner, asked, probs)
            waiting += [near for near in self._neighbors(corner, probs[corner]) if near not in probs]
        return self._merged(probs, asked)

    def patch_around(self, places: np.ndarray) -> Corner:
        """Corner of the patch around places [n, 3], inside the image where it is large enough."""
        corner = np.rint((places.min(0) + places.max(0)) / 2 - (self.edge - 1) / 2).astype(int)
        return self._inside(corner)

    def _inside(self, corner: np.ndarray) -> Corner:
        room = self.volume.size - self.edge
        return tuple(np.where(room < 0, room // 2, np.clip(corner, 0, np.maximum(room, 0))).tolist())

    def _embedding(self, corner: Corner) -> Tensor:
        if corner not in self._embeddings:
            start = time.perf_counter()
            device = next(self.network.parameters()).device
            patch = torch.from_numpy(self.volume.patch(corner, self.edge))[None, None].to(device)
            self._embeddings[corner] = self.network.encode(_NORMALIZE[self.modality](patch))
            self.n_encoded += 1
            self.encode_seconds += time.perf_counter() - start
            while sum(one.nbytes for one in self._embeddings.values()) > KEPT_BYTES and len(self._embeddings) > 1:
                self._embeddings.popitem(last=False)
        self._embeddings.move_to_end(corner)
        return self._embeddings[corner]

    def _decode(self, corner: Corner, asked: PatchPrompts, probs: dict[Corner, np.ndarray]) -> np.ndarray:
        """Probabilities [S, S, S] of one patch. A patch without a positive prompt is shown what its neighbors say."""
        embedding = self._embedding(corner)
        places, labels, numbers = asked.points_in(corner, self.edge)
        shown = asked.mask_in(corner, self.edge)
        if shown is None and 1 not in labels:
            shown = _seen_from(corner, self.edge, probs)
        low_res = empty_mask_prompts(1, self.network.low_res_size, embedding)
        if shown is not None:
            low_res = mask_prompts(torch.from_numpy(shown)[None], self.network.low_res_size).to(embedding)
        if not len(places):
            low_res = self.network.decode(embedding, None, low_res)
        key = hashlib.sha256(repr(corner).encode() + (b"" if shown is None else shown.tobytes()))
        for number in np.unique(numbers):  # a prompt's points at once, with those of the prompts before it
            said = numbers <= number
            points = torch.tensor(places[None, said]).float().to(embedding), torch.tensor(labels[None, said])
            key.update(places[said].tobytes() + labels[said].tobytes())
            low_res = self._round(key.digest(), embedding, (points[0], points[1].to(embedding.device)), low_res)
        return patch_probs(low_res, (self.edge,) * 3)[0].cpu().numpy()

    def _round(self, key: bytes, embedding: Tensor, points: tuple[Tensor, Tensor], masks: Tensor) -> Tensor:
        """Low-resolution logits, kept, so that a further click costs one decode, and one that is undone none."""
        if key not in self._rounds:
            self._rounds[key] = self.network.decode(embedding, points, masks)
            if len(self._rounds) > KEPT_ROUNDS:
                self._rounds.popitem(last=False)
        return self._rounds[key]

    def _neighbors(self, corner: Corner, probs: np.ndarray) -> list[Corner]:
        """Patches half an edge further where the mask touches a face and the image goes on."""
        near = []
        for axis in range(3):
            for end, step in ((0, -1), (-1, 1)):
                if (probs.take(end, axis) > 0.5).any():
                    moved = np.array(corner)
                    moved[axis] += step * self.edge // 2
                    near.append(self._inside(moved))
        return [one for one in near if one != corner]

    def _merged(self, probs: dict[Corner, np.ndarray], asked: PatchPrompts) -> Answer:
        """Mean over patches, weighted by the distance to the patch's border; a given mask where no patch lies."""
        if not probs:
            return Answer.nothing()
        low, high = np.min(list(probs), 0), np.max(list(probs), 0) + self.edge
        if asked.masks:
            low, high = np.minimum(low, 0), np.maximum(high, self.volume.size)
        total, weights = np.zeros(high - low, np.float32), np.zeros(high - low, np.float32)
        weight = _weight(self.edge)
        for corner, one in probs.items():
            box = tuple(slice(c, c + self.edge) for c in corner - low)
            total[box] += weight * one
            weights[box] += weight
        total /= np.maximum(weights, 1e-9)
        low_in, high_in = np.maximum(low, 0), np.minimum(high, self.volume.size)
        inner = tuple(map(slice, low_in - low, high_in - low))
        total, weights = total[inner], weights[inner]
        if asked.masks:
            total = np.where(weights > 0, total, asked.shares[tuple(map(slice, low_in, high_in))])
        return self.volume.answer(low_in, total)


def _weight(edge: int) -> np.ndarray:
    """Distance of each voxel of a patch to its border, per axis, multiplied."""
    line = np.minimum(np.arange(edge) + 1, edge - np.arange(edge)).astype(np.float32) / edge
    return line[:, None, None] * line[:, None] * line


def _seen_from(corner: Corner, edge: int, probs: dict[Corner, np.ndarray]) -> np.ndarray | None:
    """The most that other patches say in this one; None where they say nothing."""
    seen = np.zeros((edge,) * 3, np.float32)
    for other, said in probs.items():
        seen = np.maximum(seen, crop(said, tuple(np.subtract(corner, other)), edge, 0))
    return seen if (seen > 0.5).any() else None
