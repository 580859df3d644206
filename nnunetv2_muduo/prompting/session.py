"""A session of prompts on one image: what a user clicks, and the mask that answers it.

    session = PromptSession("small_pet")
    session.set_image("pet_suv.nii.gz")
    mask = session.add_point((12.5, -80.0, 340.0))

The mask is a function of image, teachers and the object's prompts in their order, and of nothing else: undoing a prompt and
replaying a saved session give the same voxels.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.prompting.answers import Answer, Promptable
from nnunetv2_muduo.prompting.images import Image, opened, require_unit
from nnunetv2_muduo.prompting.object_masks import ObjectMask, clicked_voxels, object_mask
from nnunetv2_muduo.prompting.overlaps import put_object
from nnunetv2_muduo.prompting.prompts import Prompt, places_array
from nnunetv2_muduo.prompting.space import ImageSpace, turned
from nnunetv2_muduo.prompting.teachers import both_teachers

log = logging.getLogger(__name__)


class PromptSession:
    """Clicks in, masks out.

    Args:
        teacher: a name, file or threshold (see `prompting.teachers.promptable`), or anything with its interface.
        ct_teacher: a second one, for the CT beside a PET.
        device: where networks run.

    Masks are SimpleITK images (uint8) on the image's own grid. Places are mm in LPS; `voxel=` takes indices (x, y, z) of the
    image's file instead. Objects are numbered from 1.
    """

    def __init__(
        self, teacher: str | Path | Promptable, ct_teacher: str | Path | Promptable | None = None, device: str = "cpu"
    ):
        self._teachers = {one.modality: one for one in both_teachers(teacher, ct_teacher, device)}
        self.prompts: list[Prompt] = []
        self._space: ImageSpace | None = None
        self._answers: dict[int, dict[str, Answer]] = {}
        self._masks: dict[int, ObjectMask] = {}
        self.changed_by_rule: dict[int, tuple[int, int]] = {}
        """Per object, voxels that the rule changed in its last mask, and voxels of that mask."""

    def set_image(self, image: Image, ct: Image | None = None) -> None:
        """Begin with an image in the teacher's unit (SUV or HU), and a CT in HU where there is a teacher for it.

        Raises:
            CaseRefused: a file that can't be read, or values that are not in SUV or HU.
            ValueError: a CT without a teacher for it, or a teacher without its CT.
        """
        if (ct is None) != (len(self._teachers) == 1):
            raise ValueError("A CT beside the PET and a teacher for it (ct_teacher) go together.")
        first, *_ = self._teachers
        sources = {first: image} | ({} if ct is None else {"ct": ct})
        images = {modality: opened(source) for modality, source in sources.items()}
        for modality, source in sources.items():
            require_unit(images[modality], modality, source)
        self._space = ImageSpace.of(images[first])
        turned_images = {modality: sitk.Cast(turned(one), sitk.sitkFloat32) for modality, one in images.items()}
        for modality, teacher in self._teachers.items():
            teacher.set_image(turned_images[modality], turned_images[first])
        self.reset()

    @property
    def space(self) -> ImageSpace:
        """Where the image lies. Raises RuntimeError where there is none yet."""
        if self._space is None:
            raise RuntimeError("There is no image yet: call set_image first.")
        return self._space

    @property
    def encode_seconds(self) -> float:
        """What the teachers' encoding has taken since the image was set, on a CPU."""
        return sum(teacher.encode_seconds for teacher in self._teachers.values())

    @property
    def objects(self) -> list[int]:
        """Numbers of the objects that have prompts."""
        return sorted({prompt.object_id for prompt in self.prompts})

    def add_point(
        self,
        xyz_mm: Sequence[float] | None = None,
        *,
        voxel: Sequence | None = None,
        positive: bool = True,
        object_id: int = 1,
    ) -> sitk.Image:
        """Click, and get the object's mask. Raises ValueError outside the image, or on an opposite click's voxel."""
        return self._add("point", self._places(xyz_mm, voxel)[:1], positive, object_id)

    def add_scribble(
        self,
        xyz_mm: Sequence | None = None,
        *,
        voxel: Sequence | None = None,
        positive: bool = True,
        object_id: int = 1,
    ) -> sitk.Image:
        """Draw a line through places [n, 3]; all of it is a promise. Raises as `add_point`."""
        places_mm = self.space.dense_path(self._places(xyz_mm, voxel))
        return self._add("scribble", places_mm, positive, object_id)

    def add_box(
        self,
        corners_mm: Sequence | None = None,
        *,
        voxel: Sequence | None = None,
        positive: bool = True,
        object_id: int = 1,
    ) -> sitk.Image:
        """A box by corners [n, 3], two opposite ones or all eight: the object lies in it, or (negative) nothing of it does."""
        places_mm = self._places(corners_mm, voxel)
        if len(places_mm) < 2:
            raise ValueError("A box needs two opposite corners.")
        return self._add("box", places_mm, positive, object_id)

    def add_mask(self, mask: Image, *, positive: bool = True, object_id: int = 1) -> sitk.Image:
        """A mask to begin with, which clicks then correct, or (negative) one that the object has no part in.

        It may lie on another grid; nearest neighbor puts it on the image's.
        """
        mask_zyx = self.space.mask_zyx(opened(mask))
        if not mask_zyx.any():
            raise ValueError("The given mask has no voxel in the image: is it empty, or of another place?")
        return self.add_prompt(Prompt("mask", object_id, positive, np.empty((0, 3)), mask_zyx))

    def add_prompt(self, prompt: Prompt) -> sitk.Image:
        """Any prompt, and the mask that answers it; a prompt that is refused leaves the session as it was."""
        self.take(prompt)
        try:
            return self.mask(prompt.object_id)
        except BaseException:
            self.undo()
            raise

    def take(self, prompt: Prompt) -> None:
        """Any prompt, checked as `add_prompt` does; its object is answered when it is asked for."""
        if not 1 <= prompt.object_id <= 255:
            raise ValueError(f"Objects are numbered from 1 to 255, found {prompt.object_id}.")
        if prompt.kind == "box":
            self._require_overlap(prompt)
        elif len(prompt.places_mm):
            self.space.require_inside(prompt.places_mm)
        self._require_no_contradiction(prompt)
        self.prompts.append(prompt)
        self._forget(prompt.object_id)

    def undo(self) -> None:
        """Take the last prompt back. Raises ValueError where there is none."""
        if not self.prompts:
            raise ValueError("There is no prompt to undo.")
        self._forget(self.prompts.pop().object_id)

    def reset(self) -> None:
        """Forget all prompts; the image stays."""
        self.prompts.clear()
        self._answers.clear()
        self._masks.clear()
        self.changed_by_rule.clear()

    def mask(self, object_id: int = 1, modality: str | None = None) -> sitk.Image:
        """An object's mask, of both teachers together or of one ("pet", "ct"); the promise holds for each."""
        found = self._object_mask(object_id, modality)
        return self.space.to_file(self._whole(found, found.mask.astype(np.uint8)))

    def probabilities(self, object_id: int = 1, modality: str | None = None) -> sitk.Image:
        """An object's probabilities (float32) before the rule, of both teachers together or of one."""
        found = self._object_mask(object_id, modality)
        return self.space.to_file(self._whole(found, found.probs))

    def label_map(self) -> sitk.Image:
        """All objects (uint8). A voxel of several goes to the one whose positive click is nearest."""
        return self.space.to_file(self.label_array())

    def label_array(self) -> np.ndarray:
        """As `label_map`, (z, y, x) turned to LPS."""
        labels = np.zeros(self.space.shape_zyx, np.uint8)
        for object_id in self.objects:
            found = self._object_mask(object_id, None)
            put_object(labels, object_id, found, self.prompts, self.space)
        return labels

    def save(self, path: str | Path) -> None:
        """Write all prompts to one JSON; see `prompting.session_file`."""
        from nnunetv2_muduo.prompting.session_file import write_session

        write_session(self, Path(path))

    def load(self, path: str | Path) -> None:
        """Replay a saved session on the image that is set, in place of the prompts so far; see `prompting.session_file`."""
        from nnunetv2_muduo.prompting.session_file import read_session

        self.replay(read_session(Path(path), self.space))

    def replay(self, prompts: list[Prompt]) -> None:
        """Put prompts in place of those so far; each object is answered when it is asked for."""
        self.reset()
        for prompt in prompts:
            self.take(prompt)

    def clicked_voxels(self, object_id: int, positive: bool) -> np.ndarray:
        """Voxels (z, y, x) [n, 3], turned to LPS, of an object's points and scribbles."""
        return clicked_voxels([p for p in self.prompts if p.object_id == object_id], positive, self.space)

    def _add(self, kind: str, places_mm: np.ndarray, positive: bool, object_id: int) -> sitk.Image:
        return self.add_prompt(Prompt(kind, object_id, positive, places_mm))

    def _places(self, places_mm: Sequence | None, voxel: Sequence | None) -> np.ndarray:
        if (places_mm is None) == (voxel is None):
            raise ValueError("Give places either in mm or by voxel=.")
        if voxel is not None:
            return self.space.file_voxels_to_mm(places_array(voxel))
        return places_array(places_mm)

    def _require_overlap(self, prompt: Prompt) -> None:
        """A box may reach beyond the image, but not lie outside of it."""
        voxels = self.space.voxels_zyx(prompt.places_mm)
        if (voxels.max(0) < 0).any() or (voxels.min(0) >= self.space.shape_zyx).any():
            self.space.require_inside(prompt.places_mm)

    def _require_no_contradiction(self, prompt: Prompt) -> None:
        if not prompt.is_promise:
            return
        opposite = {tuple(v) for v in self.clicked_voxels(prompt.object_id, not prompt.positive)}
        if opposite & {tuple(v) for v in self.space.voxels_zyx(prompt.places_mm)}:
            raise ValueError("A click lies on the voxel of an opposite one of the same object. Undo that one first.")

    def _object_mask(self, object_id: int, modality: str | None) -> ObjectMask:
        if modality is None and object_id in self._masks:
            return self._masks[object_id]
        prompts = [prompt for prompt in self.prompts if prompt.object_id == object_id]
        if object_id not in self._answers:
            self._answers[object_id] = {name: teacher.answer(prompts) for name, teacher in self._teachers.items()}
        answers = self._answers[object_id]
        if modality is not None and modality not in answers:
            raise ValueError(f"No teacher here answers for {modality!r}, only {', '.join(answers)}.")
        chosen = list(answers.values()) if modality is None else [answers[modality]]
        found = object_mask(prompts, chosen, self.space)
        if modality is None:
            self._count(object_id, found.n_changed, int(np.count_nonzero(found.mask)))
            self._masks[object_id] = found
        return found

    def _forget(self, object_id: int) -> None:
        """What was answered for an object whose prompts change."""
        self._answers.pop(object_id, None)
        self._masks.pop(object_id, None)

    def _whole(self, found: ObjectMask, values: np.ndarray) -> np.ndarray:
        """Values of an object's box in an array of the whole image, 0 outside of it."""
        whole = np.zeros(self.space.shape_zyx, values.dtype)
        whole[found.box] = values
        return whole

    def _count(self, object_id: int, n_changed: int, n_voxels: int) -> None:
        if self.changed_by_rule.get(object_id) != (n_changed, n_voxels):
            log.info("object %d: the rule changed %d voxels, the mask has %d", object_id, n_changed, n_voxels)
        self.changed_by_rule[object_id] = n_changed, n_voxels
