"""What a server works on: the images that are open, and the session of prompts on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.prompting.answers import Promptable
from nnunetv2_muduo.prompting.images import arrays_on_grid, require_unit
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.server.figures import COLUMNS, object_figures
from nnunetv2_muduo.prompting.server.volumes import StoredVolume, packed_labels
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.teachers import both_teachers


@dataclass(frozen=True)
class Scene:
    """Open images and the session on them.

    Attributes:
        name: what the user calls the image.
        first: "pet" or "ct": the image on whose grid prompts are answered.
        values: by modality, SUV or HU (z, y, x) on that grid, turned to LPS.
    """

    name: str
    first: str
    values: dict[str, np.ndarray]
    session: PromptSession

    @cached_property
    def volumes(self) -> dict[str, StoredVolume]:
        """The values as the page reads them."""
        return {modality: StoredVolume.of(values) for modality, values in self.values.items()}

    def description(self) -> dict[str, Any]:
        """What the page has to know of the images, for JSON."""
        grid = self.session.space.grid
        volumes = {modality: {"offset": v.offset, "scale": v.scale} for modality, v in self.volumes.items()}
        return {
            "name": self.name,
            "first": self.first,
            "volumes": volumes,
            "shape_zyx": list(grid.size[::-1]),
            "spacing_mm": list(grid.spacing_mm),
            "origin_mm": list(grid.origin_mm),
            "index_to_mm": grid.matrix.tolist(),
            "columns": COLUMNS["pet" if "pet" in self.values else "ct"],
        }

    def answer(self) -> dict[str, Any]:
        """All prompts, and what they are answered with, for JSON."""
        session = self.session
        labels = session.label_array()
        return {
            "prompts": [_entry(prompt) for prompt in session.prompts],
            "figures": object_figures(labels, session.objects, session.space.grid, self.values),
            "mask": packed_labels(labels),
        }


class Workplace:
    """Teachers, loaded once, and the scene that is open.

    Args:
        teacher, ct_teacher: as of `PromptSession`.
        names: what the page calls them; None: as they were given.
    """

    def __init__(
        self,
        teacher: str | Path | Promptable,
        ct_teacher: str | Path | Promptable | None = None,
        names: Sequence[str] | None = None,
    ):
        given = [Path(one).name for one in (teacher, ct_teacher) if isinstance(one, (str, Path))]
        self._names = given if names is None else list(names)
        loaded = both_teachers(teacher, ct_teacher, "cpu")
        self._teachers = {one.modality: one for one in loaded}
        self.first = loaded[0].modality
        self.scene: Scene | None = None

    def open(self, images: Mapping[str, sitk.Image], name: str) -> Scene:
        """Open a PET, a CT, or both, and begin a session; what is open stays where these are refused.

        An image without a teacher for it is shown only.

        Raises:
            ValueError: no teacher for any of the images, or values that are not in SUV or HU.
        """
        asked = {modality: teacher for modality, teacher in self._teachers.items() if modality in images}
        if not asked:
            wanted = " or ".join(modality.upper() for modality in self._teachers)
            raise ValueError(f"The teacher here is for {wanted}: open such an image.")
        for modality, image in images.items():
            require_unit(image, modality, name if len(images) == 1 else f"the {modality.upper()} of {name}")
        session = PromptSession(*asked.values())
        session.set_image(*(images[modality] for modality in asked))
        first = next(iter(asked))
        values = arrays_on_grid({modality: images[modality] for modality in ("pet", "ct") if modality in images}, first)
        self.scene = Scene(name, first, values, session)
        return self.scene

    def state(self) -> dict[str, Any]:
        """Everything that the page shows, but the volumes, for JSON."""
        state: dict[str, Any] = {"teachers": self._names, "modalities": list(self._teachers), "image": None}
        if self.scene is not None:
            state |= {"image": self.scene.description(), "answer": self.scene.answer()}
        return state


def _entry(prompt: Prompt) -> dict[str, Any]:
    places_mm = np.round(prompt.places_mm, 2).tolist()
    return {"kind": prompt.kind, "object": prompt.object_id, "positive": prompt.positive, "places_mm": places_mm}
