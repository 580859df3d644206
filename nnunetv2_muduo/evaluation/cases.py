"""Label maps and PET images on disk: which cases there are, what their labels are called, whether their grids agree."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import SimpleITK as sitk

GRID_TOLERANCE_VOXELS = 0.01  # NIfTI headers are float32: equal grids differ by about 1e-5 of a voxel


@dataclass(frozen=True)
class LabelNames:
    """Organ names with their label values; voxels whose truth is `ignore` take part in nothing."""

    organs: dict[str, int]
    ignore: int | None = None

    @property
    def known_values(self) -> set[int]:
        return {0, *self.organs.values()} | ({self.ignore} if self.ignore is not None else set())


@dataclass(frozen=True)
class Case:
    """The files of one case."""

    name: str
    prediction: Path
    truth: Path
    pet: Path | None = None


def read_label_names(path: Path) -> LabelNames:
    """Read organ names from an nnU-Net dataset.json.

    Raises:
        FileNotFoundError, ValueError: no such file, or no labels in it.
        NotImplementedError: region-based labels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No dataset.json at {path}.")
    labels = json.loads(path.read_text(encoding="utf-8")).get("labels")
    if not labels:
        raise ValueError(f"{path} has no 'labels'. Expected nnU-Net's {{'background': 0, 'liver': 1, ...}}.")
    regions = [name for name, value in labels.items() if isinstance(value, list)]
    if regions:
        raise NotImplementedError(f"Region-based labels are not supported: {', '.join(regions)} in {path}.")
    organs = {name: int(value) for name, value in labels.items() if int(value) != 0 and name != "ignore"}
    return LabelNames(organs, labels.get("ignore"))


def find_label_names(prediction_folder: Path, truth_folder: Path) -> LabelNames | None:
    """Label names from the dataset.json beside the predictions, beside the truth or above the truth, in this order."""
    for folder in (prediction_folder, truth_folder, truth_folder.parent):
        if (folder / "dataset.json").is_file():
            return read_label_names(folder / "dataset.json")
    return None


def label_names_from_values(cases: list[Case]) -> LabelNames:
    """Name labels by the values that occur in any case; for label maps without a dataset.json."""
    values = {int(v) for case in cases for path in (case.prediction, case.truth) for v in np.unique(read_labels(path))}
    return LabelNames({str(value): value for value in sorted(values - {0})})


def list_images(folder: Path, file_ending: str = ".nii.gz") -> dict[str, Path]:
    """Images of a folder by file name without ending.

    Raises:
        FileNotFoundError: no such folder, or none of its files has the ending.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder at {folder}.")
    files = {path.name.removesuffix(file_ending): path for path in sorted(folder.glob(f"*{file_ending}"))}
    if not files:
        raise FileNotFoundError(f"No *{file_ending} files in {folder}.")
    return files


def pair_cases(
    prediction_folder: Path, truth_folder: Path, pet_folder: Path | None = None, subset: bool = False
) -> list[Case]:
    """Match predictions, truth and PET by file name; the PET may be nnU-Net's channel file `<case>_0001`.

    Args:
        subset: measure the predicted cases only; otherwise a truth without prediction is an error.

    Raises:
        FileNotFoundError: a folder is missing or holds no images.
        ValueError: cases on one side only, all of them named and counted.
    """
    predictions, truths = list_images(prediction_folder), list_images(truth_folder)
    problems = [
        *_describe_missing(predictions.keys() - truths.keys(), "prediction(s) without truth", truth_folder),
        *([] if subset else _describe_missing(truths.keys() - predictions.keys(), "truth(s) without prediction",
                                              prediction_folder)),
    ]  # fmt: skip
    pets = {}
    if pet_folder is not None:
        images = list_images(pet_folder)
        pets = {name: images.get(f"{name}_0001", images.get(name)) for name in predictions}
        without_pet = [name for name, path in pets.items() if path is None]
        problems += _describe_missing(without_pet, "case(s) without PET", pet_folder)
    if problems:
        raise ValueError("\n".join(problems))
    return [Case(name, path, truths[name], pets.get(name)) for name, path in predictions.items()]


def _describe_missing(names: Iterable[str], what: str, folder: Path) -> list[str]:
    names = sorted(names)
    return [f"{len(names)} {what} in {folder}: {', '.join(names)}"] if names else []


def read_header(path: Path) -> sitk.ImageFileReader:
    """Read size, spacing, origin and direction only.

    Raises:
        ValueError: the image isn't a 3D volume of scalars.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise ValueError(f"{path} is no 3D volume: its size is {reader.GetSize()} "
                         f"with {reader.GetNumberOfComponents()} value(s) per voxel.")  # fmt: skip
    return reader


def check_same_grid(image: sitk.ImageFileReader, reference: sitk.ImageFileReader) -> None:
    """Raise ValueError with both geometries unless voxels of equal index lie at the same place."""
    if image.GetSize() == reference.GetSize():
        corners = np.array(list(product(*[(0, n - 1) for n in image.GetSize()])), float)
        shift_mm = np.abs(_to_world(image, corners) - _to_world(reference, corners)).max()
        if shift_mm <= GRID_TOLERANCE_VOXELS * min(reference.GetSpacing()):
            return
    raise ValueError(
        f"different grids:\n    {image.GetFileName()}: {describe_grid(image)}\n"
        f"    {reference.GetFileName()}: {describe_grid(reference)}"
    )


def describe_grid(image: sitk.ImageFileReader) -> str:
    """Size, spacing (mm), origin (mm) and direction in one line."""

    def rounded(values: Iterable[float]) -> str:
        return "(" + ", ".join(f"{value:.5g}" for value in values) + ")"

    return (f"size {image.GetSize()}, spacing {rounded(image.GetSpacing())}, origin {rounded(image.GetOrigin())}, "
            f"direction {rounded(image.GetDirection())}")  # fmt: skip


def _to_world(image: sitk.ImageFileReader, indices_xyz: np.ndarray) -> np.ndarray:
    direction = np.reshape(image.GetDirection(), (3, 3))
    return image.GetOrigin() + (indices_xyz * image.GetSpacing()) @ direction.T


def read_labels(path: Path, like: Path | None = None) -> np.ndarray:
    """Read a label map as integers, axes (z, y, x).

    Args:
        like: image on whose grid the labels are resampled, by nearest neighbor, if their own differs.

    Raises:
        ValueError: values that aren't whole numbers.
    """
    image = sitk.ReadImage(str(path))
    if like is not None:
        image = sitk.Resample(image, sitk.ReadImage(str(like)), sitk.Transform(), sitk.sitkNearestNeighbor)
    labels = sitk.GetArrayFromImage(image)
    if labels.dtype.kind == "f":
        whole = np.rint(labels)
        if not np.array_equal(whole, labels):
            raise ValueError(f"{path} is no label map: it has values that aren't whole numbers.")
        labels = whole.astype(np.int32)
    return labels
