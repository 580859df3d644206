"""One case of `muduo segment`: its files, its session, what is measured and written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import SimpleITK as sitk

from nnunetv2_muduo.evaluation.cases import CHANNEL_ENDINGS, FILE_ENDINGS, image_of, list_images
from nnunetv2_muduo.evaluation.object_figures import measure_objects
from nnunetv2_muduo.evaluation.output import write_csv_files
from nnunetv2_muduo.imageio.write import write_nifti
from nnunetv2_muduo.prompting.case_prompts import (
    PromptSource,
    TypedPoint,
    give_prompts,
    object_numbers,
    prompts_of_case,
)
from nnunetv2_muduo.prompting.images import opened, require_unit
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.space import ImageSpace, turned

if TYPE_CHECKING:  # it imports nnU-Net, which most calls don't need
    from nnunetv2_muduo.prompting.organ_model import OrganModel

FIGURES_FILE = "objects.csv"


@dataclass(frozen=True)
class CaseFiles:
    """Image of the modality that is prompted, and the CT beside a PET where there is one."""

    name: str
    image: Path
    modality: str
    ct: Path | None = None


@dataclass(frozen=True)
class Asked:
    """What is asked of every case; `organ` is the organ model's name of every object, None: the object's own name."""

    sources: Sequence[PromptSource]
    points: Sequence[TypedPoint]
    organ: str | None = None


@dataclass(frozen=True)
class SegmentedCase:
    """An answered case, with the session that answered it, which the next case takes over.

    labels: (z, y, x), turned to LPS. rows: of the table of figures.
    """

    case: CaseFiles
    images: dict[str, sitk.Image]
    session: PromptSession
    objects: dict[str, int]
    labels: np.ndarray
    rows: list[dict]


def find_cases(images: Iterable[Path], modality: str, ct: Path | None) -> list[CaseFiles]:
    """Cases, called as their files without ending and channel number.

    Raises:
        FileNotFoundError, ValueError: a folder without a case's CT; two cases of one name; one CT for several cases.
    """
    names: dict[str, Path] = {}
    for image in images:
        name = _case_name(image.name)
        if name in names:
            raise ValueError(f"{names[name]} and {image} are both called {name}: segment them in two calls.")
        names[name] = image
    cts = {} if ct is None else _cts(ct, list(names))
    return [CaseFiles(name, image, modality, cts.get(name)) for name, image in names.items()]


def _case_name(file_name: str) -> str:
    ending = next((one for one in FILE_ENDINGS if file_name.lower().endswith(one)), "")
    name = file_name.removesuffix(file_name[len(file_name) - len(ending) :]) if ending else file_name
    return next((name.removesuffix(end) for end in CHANNEL_ENDINGS.values() if name.endswith(end)), name)


def _cts(ct: Path, names: list[str]) -> dict[str, Path]:
    if not ct.is_dir():
        if len(names) > 1:
            raise ValueError(f"{ct} is one CT for {len(names)} images: give --ct a folder with one for each.")
        return {names[0]: ct}
    there = list_images(ct)
    found = {name: image_of(there, name, "ct") for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(f"{ct} has no CT of {', '.join(missing)} (looked for CASE_0000 and CASE).")
    return found


def read_case(case: CaseFiles) -> dict[str, sitk.Image]:
    """Images by modality, the prompted one first. Raises CaseRefused for files that can't be read or are in another unit."""
    files = {case.modality: case.image} | ({} if case.ct is None else {"ct": case.ct})
    images = {modality: opened(path) for modality, path in files.items()}
    for modality, image in images.items():
        require_unit(image, modality, files[modality])
    return images


class Segmenter:
    """Answers cases one after the other with the same teachers.

    Args:
        has_ct_teacher: whether the session's teachers are one for PET and one for CT.
    """

    def __init__(self, session: PromptSession, has_ct_teacher: bool, asked: Asked, organ_model: "OrganModel | None"):
        self.session, self.has_ct_teacher, self.asked, self.organ_model = session, has_ct_teacher, asked, organ_model

    def segment(self, case: CaseFiles) -> SegmentedCase:
        """Answer a case. Raises ValueError (CaseRefused, ...) and FileNotFoundError for its files and prompts."""
        images = read_case(case)
        space = ImageSpace.of(images[case.modality])
        prompts = prompts_of_case(case.name, self.asked.sources, self.asked.points, space)
        objects = object_numbers(prompts)
        if not objects and self.asked.organ is not None:
            objects = {self.asked.organ: 1}
        self.session.set_image(images[case.modality], images["ct"] if self.has_ct_teacher else None)
        self._give_organs(images, objects)
        give_prompts(self.session, prompts, objects)
        labels = self.session.label_array()
        pet_suv = sitk.GetArrayFromImage(turned(images["pet"])) if "pet" in images else None
        rows = measure_objects(labels, objects, space.grid, pet_suv)
        return SegmentedCase(case, images, self.session, objects, labels, [{"case": case.name, **row} for row in rows])

    def _give_organs(self, images: dict[str, sitk.Image], objects: dict[str, int]) -> None:
        """The model's organs as masks to begin with; an organ that it doesn't find leaves the object to the clicks."""
        if self.organ_model is None:
            return
        if not objects:
            raise ValueError(
                "The model of --organs answers for the objects of prompts, or for the one of --organ NAME."
            )
        values = {number: self.organ_model.label(self.asked.organ or name) for name, number in objects.items()}
        labels = self.organ_model.predict(images)
        for number, value in values.items():
            mask = self.session.space.mask_zyx(labels == value)
            if mask.any():
                self.session.take(Prompt("mask", number, True, np.empty((0, 3)), mask))


def write_case(segmented: SegmentedCase, folder: Path, with_probabilities: bool) -> None:
    """Write CASE.nii.gz on the image's grid, CASE_session.json and, if wanted, CASE_probabilities_OBJECT.nii.gz.

    Raises:
        OSError: the place can't be written, or has no room.
    """
    name = segmented.case.name
    write_nifti(segmented.session.space.to_file(segmented.labels), folder / f"{name}.nii.gz")
    segmented.session.save(folder / f"{name}_session.json")
    if with_probabilities:
        for number in segmented.objects.values():
            image = segmented.session.probabilities(number)
            write_nifti(image, folder / f"{name}_probabilities_{number}.nii.gz")


def write_figures(rows: list[dict], folder: Path) -> Path:
    """Write the figures of all objects so far, a row for each; the file."""
    write_csv_files(folder, {Path(FIGURES_FILE).stem: pd.DataFrame(rows)})
    return folder / FIGURES_FILE
