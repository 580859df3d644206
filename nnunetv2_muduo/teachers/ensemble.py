"""Frozen teachers of a training: each unlabeled patch is encoded once, then decoded for every organ in it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.data.pairs import Box, Pairs
from nnunetv2_muduo.teachers import load_teacher, patch_space
from nnunetv2_muduo.teachers.checkpoint import read_teacher_file
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts, mask_prompts, points_of_organs
from nnunetv2_muduo.teachers.registry import TEACHERS, SmallTeacher
from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.small import SMALL_CONFIG
from nnunetv2_muduo.teachers.weights import TeacherFacts, inspect_teacher, teacher_digest

_NORMALIZE = {"ct": patch_space.normalize_ct, "pet": patch_space.normalize_pet}


class TeacherEnsemble:
    """One or two teachers on one device. Not a module, so that no optimizer, checkpoint or DDP ever sees their weights.

    Args:
        config: which teachers, and how they are prompted.
        transpose_forward: the plan's transpose, which decides how patches lie in the teachers' (x, y, z).
        organ_labels: label value of every organ, without background.
    """

    def __init__(
        self, config: MuDuoConfig, transpose_forward: list[int], organ_labels: list[int], device: torch.device
    ):
        self.config = config
        self.axes = patch_space.teacher_axes(transpose_forward)
        self.organ_labels = organ_labels
        self.teachers = {m: load_teacher(teacher_source(config, m), device, m) for m in config.modalities}

    @property
    def image_size(self) -> int:
        """Edge of the teachers' image in voxels. Raises ValueError where they differ in it."""
        return one_image_size({modality: teacher.image_size for modality, teacher in self.teachers.items()})

    @property
    def _image_shape(self) -> tuple[int, int, int]:
        return (self.image_size,) * 3

    def as_teachers_see(self, volumes: Tensor) -> Tensor:
        """Volumes [n, a, b, c] of a patch on the teachers' image [n, x, y, z]."""
        return patch_space.to_teacher_axes(patch_space.resampled(volumes, self._image_shape), self.axes)

    def masks_as_teachers_see(self, masks: Tensor) -> Tensor:
        """Masks likewise, each of at least one voxel if it was so."""
        seen = self.as_teachers_see(masks)
        return seen if seen.dtype == torch.bool else seen >= seen.amax((1, 2, 3), keepdim=True).clamp(1e-6, 0.5)

    def as_patch(self, volumes: Tensor, patch_size: Sequence[int]) -> Tensor:
        """Volumes [n, x, y, z] on the teachers' image as [n, *patch_size] in the axes of nnU-Net's patch."""
        return patch_space.resampled(patch_space.from_teacher_axes(volumes, self.axes), patch_size)

    def to(self, device: torch.device) -> None:
        """Move the teachers to a device."""
        self.teachers = {modality: teacher.to(device) for modality, teacher in self.teachers.items()}

    @torch.no_grad()
    def predict(
        self,
        images: dict[str, Tensor],
        prompt_map: Tensor,
        student_probs: Tensor,
        pairs: Pairs,
        chunk: int | None = None,
    ) -> dict[str, Tensor]:
        """What each teacher says of every valid pair, asked as the config says with prompt map and student's map.

        Args:
            images: "ct" in HU and "pet" in SUV, each [B, 1, a, b, c] in the axes of nnU-Net's patch.
            prompt_map: organ labels [B, 1, a, b, c].
            student_probs: the student's probabilities [B, 1 + n_organs, a, b, c].
            pairs: the valid (sample, organ) pairs.
            chunk: patches encoded, and organs of a patch decoded, at a time. None: all of them.

        Returns:
            By modality, low-resolution logits [n_pairs, 1, s, s, s], in the axes of nnU-Net's patch.
        """
        teacher_logits = {}
        for modality, teacher in self.teachers.items():
            embeddings = self.encode(modality, images[modality], chunk)  # once per patch, for all its organs
            logits = []
            for sample, boxes in enumerate(pairs.boxes):
                for some in _chunks(boxes, chunk):
                    n_before, of_ct = sum(map(len, logits)), teacher_logits.get("ct")
                    of_ct = None if of_ct is None else of_ct[n_before : n_before + len(some), 0]
                    prompts = self._prompts(modality, prompt_map[sample, 0], student_probs[sample], some, of_ct)
                    logits.append(teacher.decode(embeddings[sample : sample + 1], **prompts))
            size = teacher.low_res_size
            joined = torch.cat(logits) if logits else embeddings.new_zeros(0, 1, size, size, size)
            teacher_logits[modality] = patch_space.from_teacher_axes(joined, self.axes).float()
        return teacher_logits

    @torch.no_grad()
    def encode(self, modality: str, image: Tensor, chunk: int | None = None) -> Tensor:
        """A teacher's embeddings [B, C, n, n, n], in its own axes, of patches [B, 1, a, b, c] in HU or SUV."""
        image = patch_space.resampled(image[:, 0], self._image_shape)[:, None]
        image = patch_space.to_teacher_axes(_NORMALIZE[modality](image), self.axes)
        parts = image.contiguous().split(chunk or len(image))
        return torch.cat([self.teachers[modality].encode(part) for part in parts])

    def _prompts(
        self, modality: str, prompt_map: Tensor, student_probs: Tensor, boxes: dict[int, Box], ct_logits: Tensor | None
    ) -> dict:
        """Prompts of one patch for the n organs of `boxes`.

        Args:
            prompt_map: [a, b, c]. student_probs: [1 + n_organs, a, b, c].
            ct_logits: what the CT teacher has answered, if it has, [n, s, s, s].
        """
        kind, source, value = self.config.prompts(modality)
        points = None if kind == "mask" else self._points(prompt_map, boxes)
        size = self.teachers[modality].low_res_size
        if kind == "points":
            return {"points": points, "masks": empty_mask_prompts(1, size, student_probs)}
        masks = torch.cat(
            [
                mask_prompts(organ[None], size, value)
                for organ in self._maps(source, prompt_map, student_probs, boxes, ct_logits)
            ]
        )
        return {"points": points, "masks": patch_space.to_teacher_axes(masks, self.axes).contiguous()}

    def _maps(
        self, source: str, prompt_map: Tensor, student_probs: Tensor, boxes: dict[int, Box], ct_logits: Tensor | None
    ) -> Iterator[Tensor]:
        """Maps of the organs of `boxes`, one at a time: 117 of them at 128^3 would take a gigabyte."""
        for place, organ in enumerate(boxes):
            if source == "student":
                yield student_probs[1 + organ]
            elif source == "ct_teacher":
                yield ct_logits[place].sigmoid()
            else:
                yield prompt_map == self.organ_labels[organ]

    def _points(self, prompt_map: Tensor, boxes: dict[int, Box]) -> tuple[Tensor, Tensor]:
        """Points in organs of one patch, in the teachers' axes, and their labels."""
        points, point_labels = points_of_organs(
            prompt_map,
            [(self.organ_labels[organ], box) for organ, box in boxes.items()],
            self.config.n_points,
            self.config.point_smoothing_voxels,
            self.config.suppress_between_points,
        )
        points = patch_space.resampled_points(points, prompt_map.shape, self._image_shape)
        return patch_space.points_to_teacher_axes(points, self.axes), point_labels


def _chunks(boxes: dict[int, Box], size: int | None) -> Iterator[dict[int, Box]]:
    organs = iter(boxes.items())
    while chunk := dict(islice(organs, size)):
        yield chunk


def teacher_source(config: MuDuoConfig, modality: str) -> str:
    """Registry name or path of a modality's teacher."""
    name = config.teacher(modality)
    return f"small_{modality}" if name == "small" else name


def teacher_digests(config: MuDuoConfig) -> dict[str, str]:
    """sha256 of every teacher's file by modality. Raises as `load_teacher` where there is none."""
    return {modality: teacher_digest(teacher_source(config, modality)) for modality in config.modalities}


def same_teacher(config: MuDuoConfig, modality: str, then: str, digest: str) -> bool:
    """Whether a modality's teacher is the one whose name or path was `then`, and whose file had this sha256.

    A name stands for the same teacher always, a path for what is there now; what is not there is another.
    """
    source = teacher_source(config, modality)
    if config.teacher(modality) == then and source in TEACHERS:
        return True
    try:
        return teacher_digest(source) == digest
    except FileNotFoundError:
        return False


def inspect_teachers(config: MuDuoConfig) -> dict[str, TeacherFacts]:
    """Fetch, open and compare every teacher of a config, before anything is made for it.

    Returns:
        What is known of each, by modality.

    Raises:
        FileNotFoundError, ValueError: as `load_teacher`; or their image sizes differ, from one another or from `patch_size`.
    """
    facts = {modality: inspect_teacher(teacher_source(config, modality), modality) for modality in config.modalities}
    require_patch_of_teachers(config, {modality: of.image_size for modality, of in facts.items()})
    return facts


def require_patch_of_teachers(config: MuDuoConfig, sizes: dict[str, int]) -> None:
    """Raises ValueError where the teachers' image sizes, by modality, differ from one another or from `patch_size`."""
    edge = one_image_size({teacher_source(config, modality): size for modality, size in sizes.items()})
    require_patch(config.patch_size, edge)


def one_image_size(sizes: dict[str, int]) -> int:
    """The image size that teachers, by whatever they are called, have in common. Raises ValueError where there is none."""
    if len(set(sizes.values())) > 1:
        raise ValueError(f"Both teachers must see the same image size, the patch. Got {sizes} voxels.")
    return next(iter(sizes.values()))


def require_patch(wanted: int | None, edge: int) -> None:
    """Raises ValueError where the wanted patch is another than the teachers' image; None: none is wanted."""
    if wanted not in (None, edge):
        raise ValueError(f"patch_size is {wanted}, but the teachers see {edge} voxels, which must be the patch.")


def require_patch_that_teachers_see(config: MuDuoConfig, patch_size: Sequence[int], edge: int) -> None:
    """Raises ValueError where a training's patch is another than the teachers' image and is not resampled for them."""
    if config.teacher_spacing_mm is None:
        require_patch(patch_size[0], edge)


def ensemble_image_size(config: MuDuoConfig) -> int:
    """Edge of the teachers' image in voxels, which is the patch size where the config gives the teachers no spacing.

    Raises:
        ValueError: the two teachers differ in it.
    """
    sources = {modality: teacher_source(config, modality) for modality in config.modalities}
    return one_image_size({source: _image_size(source) for source in sources.values()})


def _image_size(source: str) -> int:
    spec = TEACHERS.get(source)
    if spec is not None:
        return (SMALL_CONFIG if isinstance(spec, SmallTeacher) else Sam3DConfig()).image_size
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"Teacher {source!r} is neither a file nor one of {', '.join(TEACHERS)}.")
    return (read_teacher_file(path).config or Sam3DConfig()).image_size
