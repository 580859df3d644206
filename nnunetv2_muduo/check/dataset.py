"""Checks of a raw dataset's lists: cases per set, split, patients, label names."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.guard import guarded
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.conversion.record import known_patients
from nnunetv2_muduo.conversion.split import LABELED, TEST, UNLABELED
from nnunetv2_muduo.conversion.write import IMAGE_FOLDERS, LABEL_FOLDERS
from nnunetv2_muduo.data.raw_images import READERS_OF_NIBABEL, find_labeled, grid_reader, without_raw_files
from nnunetv2_muduo.data.splits import cases_in_no_fold, new_splits, why_no_fold
from nnunetv2_muduo.data.unlabeled import unlabeled_folder
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.imageio.image_files import explain_names, files_of_cases
from nnunetv2_muduo.imageio.modalities import channel_names, modality_of
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


def check_lists(dataset: RawDataset, needs: Needs) -> list[Finding]:
    """Findings that need file names only."""
    return [
        *guarded("channels", check_channels, dataset, needs),
        *guarded("cases", check_cases, dataset, needs),
        *guarded("files", check_files, dataset),
        *guarded("split", check_split, dataset),
        *guarded("doubles", check_doubles, dataset),
        *guarded("patients", check_patients, dataset),
    ]


def check_channels(dataset: RawDataset, needs: Needs) -> Finding:
    """For teachers channel 0 must be CT and channel 1 PET, and only CT may be named so: the name decides the normalization."""
    names = dataset.json.get("channel_names", {})
    modalities = [modality and modality.key for modality in map(modality_of, (names[c] for c in sorted(names)))]
    right = modalities == ["ct", "pet"] or not needs.ct_and_pet
    return finding("channels", str(names), problem="" if right else '{"0": "CT", "1": "PET"} is needed in dataset.json')


def check_cases(dataset: RawDataset, needs: Needs) -> Finding:
    """There must be labeled cases, and unlabeled ones for a method that learns from them."""
    counts = ", ".join(f"{len(cases)} {name}" for name, cases in dataset.sets.items())
    if not dataset.sets["labeled"]:
        return finding("cases", counts, problem="no labeled case")
    n_said, n_found = dataset.json.get("numTraining"), len(dataset.images["labeled"])
    if n_said != n_found:
        where = "its field dataset lists" if dataset.lies_elsewhere else "imagesTr holds"
        return finding("cases", counts, problem=f"dataset.json says {n_said} cases, {where} {n_found}")
    if not needs.unlabeled or dataset.sets["unlabeled"]:
        return finding("cases", counts)
    if prepared := dataset.prepared_unlabeled:
        return finding("cases", counts, warning=without_raw_files(dataset.folder, len(prepared)))
    return finding("cases", counts, problem="imagesUn is empty: nothing to be taught on")


def check_files(dataset: RawDataset) -> Finding:
    """Every case needs all channels, and a label map where it has to have one."""
    cases = [(name, case, files) for name, cases in dataset.images.items() for case, files in cases.items()]
    missing = [path for case in cases for path in _missing_files(dataset, *case)]
    broken = [str(path) for *_, files in cases for path in files if not path.exists() and str(path) not in missing]
    odd = dataset.odd_names
    problem = explain_names(odd, dataset.ending, dataset.channels) if odd else ""
    problem = problem or (f"{len(missing)} missing: {first(missing)}" if missing else "")
    problem = problem or (f"{len(broken)} links lead nowhere: {first(broken)}" if broken else "")
    found = f"{len(dataset.channels)} channel(s) per case, label maps" if not problem else ""
    return finding("files", found, problem=problem, warning=_warn_of_macos(dataset))


def _missing_files(dataset: RawDataset, set_name: str, case: str, files: list[Path]) -> list[str]:
    label, n_channels = dataset.label_file(set_name, case), len(dataset.channels)
    missing = [str(label)] if label and set_name == LABELED and not label.is_file() else []
    if set_name == LABELED and dataset.lies_elsewhere:
        one_each = [] if len(files) == n_channels else [f"{n_channels} images of {case} in the field dataset"]
        return missing + one_each + [str(path) for path in files if not path.exists()]
    folder = dataset.folder / FOLDERS_CHECKED[set_name]
    expected = [folder / f"{case}_{channel:04d}{dataset.ending}" for channel in range(n_channels)]
    return [str(path) for path in expected if path not in files] + missing


def _warn_of_macos(dataset: RawDataset) -> str:
    names = [path.name for path in dataset.of_macos]
    remove = f"remove them: find {dataset.folder} -name '._*' -delete"
    return f"nnU-Net takes {len(names)} files of macOS for cases ({first(names)}), {remove}" if names else ""


def check_split(dataset: RawDataset) -> Finding:
    """Without a split for the fold, nnU-Net draws cases of its own."""
    labeled = sorted(dataset.images["labeled"])
    if dataset.split is None:
        reason = why_no_fold(dataset.fold, dataset.splits or new_splits(labeled)[0]) if labeled else ""
        return finding("split", "", problem=reason or "", warning="no splits_final.json yet: nnU-Net will draw it")
    train, val = set(dataset.split["train"]), set(dataset.split["val"])
    unknown = (train | val) - dataset.images["labeled"].keys()
    found = f"fold {dataset.fold}: {len(train)} train, {len(val)} val"
    if unknown or not val or not train:
        empty = "no train case" if val else "no val case"
        return finding("split", found, problem=f"cases not in imagesTr: {first(unknown)}" if unknown else empty)
    both = (
        f"{len(train & val)} cases are in both ({first(train & val)}), so what validation says is leakage"
        if train & val
        else ""
    )
    unused = cases_in_no_fold(labeled, dataset.splits) if dataset.fold != "all" else []
    late = f"{len(unused)} labeled cases are in no fold: {first(unused)}; add them to splits_final.json, or remove it"
    return finding("split", found, warning="; ".join(filter(None, (both, late if unused else ""))))


def check_doubles(dataset: RawDataset) -> Finding:
    """No case may be in two folders of images, nor in training and validation, except where these are the same."""
    folders = {folder: dataset.images[name] for name, folder in FOLDERS_CHECKED.items()}
    split = {name: cases for name, cases in separate_sets(dataset).items() if name in ("labeled", "val")}
    shared = _shared(folders) + _shared(split)
    return finding("doubles", "" if shared else "no case in two sets", problem="; ".join(shared))


def check_patients(dataset: RawDataset) -> Finding:
    """No patient may be in two sets, as far as patients are known."""
    sets, known = separate_sets(dataset), dataset.patients
    patients = {name: {known[case] for case in cases if case in known} for name, cases in sets.items()}
    unknown = set().union(*sets.values()) - known.keys()
    counts = ", ".join(f"{len(found)} {name}" for name, found in patients.items()) if known else ""
    shared = _shared(patients)
    blind = f"of {len(unknown)} cases unknown ({first(unknown)}), so leakage can't be excluded" if unknown else ""
    if not shared and not blind:
        counts += ", in one set each"
    return finding(
        "patients", counts, problem="; ".join(filter(None, [*shared, blind])) if shared else "", warning=blind
    )


def separate_sets(dataset: RawDataset) -> dict[str, set[str]]:
    """The sets, without a val that is labeled itself: that is left to the split's finding."""
    return {name: cases for name, cases in dataset.sets.items() if name != "val" or cases != dataset.sets["labeled"]}


def _shared(members: Mapping[str, Collection[str]]) -> list[str]:
    pairs = ((a, b, set(members[a]) & set(members[b])) for a, b in combinations(members, 2))
    return [f"{a} and {b} share {len(both)}: {first(both)}" for a, b, both in pairs if both]
