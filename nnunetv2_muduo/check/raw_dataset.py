"""Raw data set that is checked: its files, the split of a fold, and nnU-Net's plans, each read when it is asked for."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.conversion.record import known_patients
from nnunetv2_muduo.conversion.split import LABELED, TEST, UNLABELED
from nnunetv2_muduo.conversion.write import IMAGE_FOLDERS, LABEL_FOLDERS
from nnunetv2_muduo.data.raw_images import READERS_OF_NIBABEL, find_labeled, grid_reader
from nnunetv2_muduo.data.unlabeled import unlabeled_folder
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.imageio.image_files import files_of_cases
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.imageio.refusal import CaseRefused
from nnunetv2_muduo.user_files import read_description, read_plans, read_splits

FOLDERS_CHECKED = {name: IMAGE_FOLDERS[name] for name in (LABELED, UNLABELED, TEST)}  # cases of val are in imagesTr


@dataclass(frozen=True)
class RawDataset:
    """A dataset's folder below nnUNet_raw, the split of one fold, and what nnU-Net's plans make of them."""

    folder: Path
    fold: int | str = 0
    """Number of the fold, or "all"."""
    plans_name: str = "nnUNetPlans"
    configuration: str = "3d_fullres"

    @cached_property
    def json(self) -> dict:
        """Content of dataset.json. Raises FileNotFoundError or ValueError where it is missing or broken."""
        path = self.folder / "dataset.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing. Convert the data with `muduo convert`, or write it by hand.")
        return read_description(path)

    @property
    def ending(self) -> str:
        return self.json["file_ending"]

    @property
    def channels(self) -> list[str]:
        """Names of the channels, in their order."""
        return channel_names(self.json)

    @cached_property
    def images(self) -> dict[str, dict[str, list[Path]]]:
        """{labeled, unlabeled or test: {case: files by channel}}; labeled are all that nnU-Net trains or validates with."""
        listed = {name: cases for name, (cases, _) in self._listed.items()}
        return listed | {LABELED: {case: files for case, (files, _) in self._labeled.items()}}

    @cached_property
    def _labeled(self) -> dict[str, tuple[list[Path], Path]]:
        return find_labeled(self.folder, self.json)

    @property
    def lies_elsewhere(self) -> bool:
        """Whether dataset.json lists the labeled cases' files, so that they need not be in imagesTr."""
        return "dataset" in self.json

    @property
    def odd_names(self) -> list[Path]:
        """Files in the folders of images whose names hold no channel."""
        return [path for _, odd in self._listed.values() for path in odd]

    @cached_property
    def _listed(self) -> dict[str, tuple[dict[str, list[Path]], list[Path]]]:
        return {name: files_of_cases(self.folder / folder, self.ending) for name, folder in FOLDERS_CHECKED.items()}

    @cached_property
    def grids(self) -> dict[str, dict[str, Grid]]:
        """{labeled, unlabeled or test: {case: grid of its first channel}}, without cases whose header can't be read."""
        return {name: dict(self._readable_grids(cases)) for name, cases in self.images.items()}

    def _readable_grids(self, cases: dict[str, list[Path]]) -> Iterator[tuple[str, Grid]]:
        for case, files in cases.items():
            with suppress(CaseRefused):  # which check_images names
                yield case, self.read_grid(files[0])

    @cached_property
    def reader(self) -> type[BaseReaderWriter]:
        """nnU-Net's reader of the images: the plans', else that of dataset.json; SimpleITK's stands for all but nibabel's."""
        plans, name = self.plans, self.json.get("overwrite_image_reader_writer")
        name = plans.get("image_reader_writer", name) if plans else name
        return {reader.__name__: reader for reader in READERS_OF_NIBABEL}.get(name, SimpleITKIO)

    @property
    def read_grid(self) -> Callable[[Path], Grid]:
        """What reads a file's grid as nnU-Net reads the file."""
        return grid_reader(self.reader)

    @property
    def plans_file(self) -> Path | None:
        """Where plans of the name should be; None where nnUNet_preprocessed is not set."""
        return self.preprocessed / f"{self.plans_name}.json" if self.preprocessed else None

    @cached_property
    def plans(self) -> dict | None:
        """nnU-Net's plans, None where there are none yet. Raises ValueError where the file holds none."""
        path = self.plans_file
        return read_plans(path) if path and path.is_file() else None

    @property
    def prepared_unlabeled(self) -> list[str]:
        """Unlabeled cases that were prepared with the plans."""
        if self.plans is None or self.configuration not in self.plans["configurations"]:
            return []
        settings = PlansManager(self.plans).get_configuration(self.configuration)
        return UnlabeledDataset.get_identifiers(unlabeled_folder(self.preprocessed, settings.data_identifier))

    @property
    def of_macos(self) -> list[Path]:
        """Files that macOS has left beside images, by whose endings nnU-Net takes them for images."""
        folders = (self.folder / IMAGE_FOLDERS[name] for name in (LABELED, TEST))
        return [path for folder in folders for path in folder.glob(f"._*{self.ending}")]

    def label_file(self, set_name: str, case: str) -> Path | None:
        """Where the label map of a case should be; None for the unlabeled."""
        if set_name == LABELED and case in self._labeled:
            return self._labeled[case][1]
        folder = LABEL_FOLDERS.get(set_name)
        return self.folder / folder / f"{case}{self.ending}" if folder else None

    @property
    def preprocessed(self) -> Path | None:
        place = os.environ.get("nnUNet_preprocessed")
        return Path(place) / self.folder.name if place else None

    @cached_property
    def split(self) -> dict[str, list[str]] | None:
        """{"train": cases, "val": cases} of the fold, None where nnU-Net would draw it; both all cases for fold all."""
        if self.fold == "all":
            return {name: list(self.images["labeled"]) for name in ("train", "val")}
        return self.splits[self.fold] if self.fold < len(self.splits) else None

    @cached_property
    def splits(self) -> list[dict[str, list[str]]]:
        """All folds of splits_final.json, none where it isn't there yet."""
        path = self.preprocessed / "splits_final.json" if self.preprocessed else None
        return read_splits(path) if path and path.is_file() else []

    @cached_property
    def sets(self) -> dict[str, set[str]]:
        """Cases of labeled, val, unlabeled and test; val is part of imagesTr."""
        val = set(self.split["val"]) if self.split else set()
        train = set(self.split["train"]) if self.split else set(self.images["labeled"])
        return {
            "labeled": train,
            "val": val,
            "unlabeled": set(self.images["unlabeled"]),
            "test": set(self.images["test"]),
        }

    @cached_property
    def patients(self) -> dict[str, str]:
        """Patient by case, from muduo_cases.json, else from names of AutoPET; cases of unknown patients are left out."""
        return known_patients(self.folder, set().union(*self.images.values()))
