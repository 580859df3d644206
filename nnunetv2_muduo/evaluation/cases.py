"""Cases of an evaluation: folders of label maps, the files that belong together, the names of the labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2_muduo.imageio.grid import read_grid, require_same_grid
from nnunetv2_muduo.imageio.image_files import is_of_macos
from nnunetv2_muduo.imageio.images import read_labels
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.user_files import read_user_json

FILE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
CHANNEL_ENDINGS = {"ct": "_0000", "pet": "_0001"}
"""Of nnU-Net's files of a modality, before the ending, as `muduo convert` writes them."""


@dataclass(frozen=True)
class LabelNames:
    """Organ names with their label values; voxels whose truth is `ignore` take part in nothing."""

    organs: dict[str, int]
    ignore: int | None = None

    @property
    def known_values(self) -> set[int]:
        """Values that a label map may have."""
        return {0, *self.organs.values()} | ({self.ignore} if self.ignore is not None else set())


@dataclass(frozen=True)
class Case:
    """The files of one case."""

    name: str
    prediction: Path
    truth: Path
    pet: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files that exist, by role."""
        return {"prediction": self.prediction, "truth": self.truth} | ({"pet": self.pet} if self.pet else {})


def read_label_names(path: Path) -> LabelNames:
    """Read organ names from an nnU-Net dataset.json.

    Raises:
        FileNotFoundError, ValueError: no such file, or no labels in it.
        NotImplementedError: region-based labels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No dataset.json at {path}.")
    dataset_json = read_user_json(path)
    labels = dataset_json.get("labels")
    if not labels:
        raise ValueError(f"{path} has no 'labels'. Expected nnU-Net's {{'background': 0, 'liver': 1, ...}}.")
    if not isinstance(labels, dict):
        raise ValueError(f"The labels in {path} are no name: value pairs as in nnU-Net v2: {labels}.")
    regions = [name for name, value in labels.items() if isinstance(value, list)]
    if regions:
        raise NotImplementedError(f"Region-based labels are not supported: {', '.join(regions)} in {path}.")
    if not all(isinstance(value, int) for value in labels.values()):
        raise ValueError(f"The labels in {path} are no name: value pairs as in nnU-Net v2: {labels}.")
    return LabelNames({name: value for value, name in organ_names(dataset_json).items()}, labels.get("ignore"))


def find_labels(labels_json: Path | None, search_folders: Iterable[Path], label_maps: Iterable[Path]) -> LabelNames:
    """Label names from the given dataset.json, else from the first one in the folders, else the label maps' values."""
    found = (folder / "dataset.json" for folder in search_folders if (folder / "dataset.json").is_file())
    labels_json = labels_json or next(found, None)
    if labels_json:
        return read_label_names(labels_json)
    values = {int(value) for path in label_maps for value in np.unique(read_labels(path))}
    return LabelNames({str(value): value for value in sorted(values) if value > 0})


def list_images(folder: Path) -> dict[str, Path]:
    """Images of a folder by file name without ending.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder at {folder}.")
    images = {}
    for path in sorted(folder.iterdir()):
        ending = next((ending for ending in FILE_ENDINGS if path.name.lower().endswith(ending)), None)
        if ending and not is_of_macos(path.name):
            images[path.name[: -len(ending)]] = path
    if not images:
        raise FileNotFoundError(f"No images in {folder} (looked for {', '.join('*' + e for e in FILE_ENDINGS)}).")
    return images


def pair_cases(
    prediction_folder: Path, truth_folder: Path, pet_folder: Path | None = None, subset: bool = False
) -> list[Case]:
    """Match predictions, truth and PET by file name; the PET may be nnU-Net's channel file `<case>_0001`.

    Args:
        subset: leave out truth without prediction, which otherwise is an error.

    Raises:
        FileNotFoundError: a folder is missing or holds no images.
        ValueError: cases on one side only, all of them named and counted.
    """
    predictions, truths = list_images(prediction_folder), list_images(truth_folder)
    problems = _describe_missing(predictions.keys() - truths.keys(), "without truth", truth_folder)
    if not subset:
        problems += _describe_missing(truths.keys() - predictions.keys(), "without prediction", prediction_folder)
    pets = {}
    if pet_folder is not None:
        images = list_images(pet_folder)
        pets = {name: image_of(images, name, "pet") for name in predictions}
        problems += _describe_missing([name for name, path in pets.items() if not path], "without PET", pet_folder)
    if problems:
        raise ValueError("\n".join(problems))
    return [Case(name, path, truths[name], pets.get(name)) for name, path in predictions.items()]


def image_of(images: dict[str, Path], case: str, modality: str) -> Path | None:
    """A case's "ct" or "pet" among images of `list_images`: nnU-Net's channel of it, or the one with the case's own name."""
    return images.get(f"{case}{CHANNEL_ENDINGS[modality]}", images.get(case))


def _describe_missing(names: Iterable[str], what: str, folder: Path) -> list[str]:
    names = sorted(names)
    return [f"{len(names)} case(s) {what} in {folder}: {', '.join(names)}"] if names else []


def check_grids(cases: list[Case], resample: bool = False) -> None:
    """Compare every prediction's and PET's grid with the truth's, from the headers alone.

    Args:
        resample: predictions may lie on another grid.

    Raises:
        ValueError: unreadable or 4D files and differing grids, all of them named and counted.
    """
    problems = []
    for case in cases:
        try:
            for role, path in case.files.items():
                if role == "prediction" and resample:
                    read_grid(path)  # it may lie anywhere, but must be a volume
                elif role != "truth":
                    require_same_grid(path, case.truth)
        except ValueError as error:
            problems.append(f"{case.name}: {error}")
    raise_if_any(problems, cases)


def raise_if_any(problems: list[str], cases: list[Case]) -> None:
    """Raise one ValueError that counts and lists all cases which can't be measured."""
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ValueError(f"{len(problems)} of {len(cases)} case(s) can't be measured:\n{lines}")
