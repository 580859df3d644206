"""Preprocessing of the cases in `imagesUn`: the plan's transpose, crop and resampling, but HU and SUV as they are."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import create_lists_from_splitted_dataset_folder

from nnunetv2_muduo.data import storage
from nnunetv2_muduo.data.channels import StoredChannel, without_air_noise, write_channel
from nnunetv2_muduo.data.parallel import run_all
from nnunetv2_muduo.data.views import (
    CT_CHANNEL,
    N_CHANNELS,
    PET_CHANNEL,
    ChannelNormalization,
    StackedViews,
    channel_normalization,
)
from nnunetv2_muduo.dataset_conversion.sources import NIFTI_ENDINGS, n_not_finite

UNLABELED_FOLDER = "imagesUn"


class UnlabeledPreprocessor(DefaultPreprocessor):
    """nnU-Net's preprocessing that notes what its normalization would have done instead of doing it."""

    def __init__(self):
        super().__init__(verbose=False)
        self.normalizations: list[ChannelNormalization] = []

    def _normalize(self, data, seg, configuration_manager, foreground_intensity_properties_per_channel):
        self.normalizations = [
            channel_normalization(scheme, data[c], foreground_intensity_properties_per_channel[str(c)])
            for c, scheme in enumerate(configuration_manager.normalization_schemes)
        ]
        return data


def find_unlabeled(raw_dataset: Path, file_ending: str) -> dict[str, list[str]]:
    """Files of every case in `imagesUn`, as {case: [CT file, PET file]}.

    Raises:
        FileNotFoundError: there is no `imagesUn`, it is empty, or a case lacks a channel (all such cases are named).
    """
    folder = raw_dataset / UNLABELED_FOLDER
    files = create_lists_from_splitted_dataset_folder(str(folder), file_ending) if folder.is_dir() else []
    if not files:
        raise FileNotFoundError(
            f"No unlabeled cases in {folder}. Put CT and PET of each there as CASE_0000{file_ending} and "
            f"CASE_0001{file_ending}, or train without unlabeled cases with -tr nnUNetTrainer."
        )
    suffix = len(f"_0000{file_ending}")
    cases = {Path(case_files[0]).name[:-suffix]: sorted(case_files) for case_files in files}
    expected = {case: [str(folder / f"{case}_{c:04d}{file_ending}") for c in range(N_CHANNELS)] for case in cases}
    missing = [f for case, names in cases.items() for f in expected[case] if f not in names]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} file(s) missing in {folder}: {', '.join(Path(f).name for f in missing[:5])}. Every case needs "
            f"_0000 (CT) and _0001 (PET). Add the missing channel or remove the case."
        )
    return expected


def plan_identity(plans_manager: PlansManager, configuration: str) -> str:
    """Digest of everything in the plans that decides what a preprocessed unlabeled case looks like."""
    settings = plans_manager.get_configuration(configuration).configuration
    names = ("spacing", "normalization_schemes", "use_mask_for_norm", "resampling_fn_data", "resampling_fn_data_kwargs")
    return storage.digest(
        [
            {name: settings[name] for name in names},
            plans_manager.transpose_forward,
            plans_manager.plans["image_reader_writer"],
            plans_manager.foreground_intensity_properties_per_channel,
        ]
    )


def unlabeled_folder(preprocessed_dataset: Path, data_identifier: str) -> Path:
    """Where the unlabeled cases of a configuration are kept, beside nnU-Net's folder of labeled ones."""
    return preprocessed_dataset / f"{data_identifier}_unlabeled"


def outdated_cases(cases: dict[str, list[str] | None], folder: Path, identity: str) -> dict[str, str]:
    """Cases that have to be preprocessed (again), each with the reason why. Without raw files their change can't be seen."""
    reasons = {}
    for case, files in cases.items():
        record = storage.read_json(folder / f"{case}.json")
        if record is None or not all(file.is_file() for file in _channel_files(folder, case)):
            reasons[case] = "not there"
        elif record["plan"] != identity:
            reasons[case] = "made with other plans"
        elif files is not None and record["source"] != _source(files):
            reasons[case] = "its images have changed since"
    return reasons


def preprocess_unlabeled(
    cases: dict[str, list[str]],
    folder: Path,
    plans_manager: PlansManager,
    configuration: str,
    dataset_json: dict,
    n: int,
) -> None:
    """Preprocess cases with `n` processes; see `preprocess_case`. Those that fail don't keep the others from being made.

    Raises:
        RuntimeError: some cases failed; each is named with its reason.
    """
    _refuse_unsupported(plans_manager, configuration)
    folder.mkdir(parents=True, exist_ok=True)
    job = functools.partial(
        preprocess_case,
        folder=folder,
        plans=plans_manager.plans,
        configuration=configuration,
        dataset_json=dataset_json,
    )
    run_all(job, list(cases.items()), n, "Preprocessing unlabeled cases")


def preprocess_case(case_and_files, folder: Path, plans: dict, configuration: str, dataset_json: dict) -> None:
    """Preprocess one case and write `CASE_0000.b2nd` (HU), `CASE_0001.b2nd` (SUV) and, last, its record `CASE.json`.

    Where nothing is resampled the values are kept exactly; what was resampled is rounded, CT to whole HU and PET to float16,
    which moves SUV by at most 0.05 %. In either case `without_air_noise` changes the air that the student does not see.

    Raises:
        ValueError: the channels lie on different grids, are damaged, hold NaN, or are constant; the file is named.
    """
    case, files = case_and_files
    plans_manager = PlansManager(plans)
    configuration_manager = plans_manager.get_configuration(configuration)
    _refuse_different_grids(files)
    _refuse_damaged(files)
    images, properties = plans_manager.image_reader_writer_class().read_images(files)
    _refuse_constant(images, files)
    preprocessor = UnlabeledPreprocessor()
    data, _, properties = preprocessor.run_case_npy(
        images, None, properties, plans_manager, configuration_manager, dataset_json
    )
    resampled = tuple(data.shape[1:]) != tuple(properties["shape_after_cropping_and_before_resampling"])
    slice_axis = plans_manager.transpose_forward.index(0)
    channels = zip(_to_keep(data, preprocessor.normalizations, resampled), _channel_files(folder, case), strict=True)
    record = {
        "plan": plan_identity(plans_manager, configuration),
        "source": _source(files),
        "normalizations": [normalization.to_dict() for normalization in preprocessor.normalizations],
        "resampled": resampled,
        "channels": [write_channel(c, file, configuration_manager.patch_size, slice_axis) for c, file in channels],
        "spacing_mm": [float(s) for s in configuration_manager.spacing],
        "direction": list(properties.get("sitk_stuff", {}).get("direction", [])),
    }
    storage.write_json(record, folder / f"{case}.json")


class UnlabeledDataset(nnUNetBaseDataset):
    """Unlabeled cases for nnU-Net's loader: both views as the image, the prompt map as the segmentation."""

    def __init__(self, folder: str | Path, prompt_map_folder: str | Path, identifiers: list[str]):
        super().__init__(str(folder), list(identifiers))
        self.prompt_map_folder = Path(prompt_map_folder)

    def load_case(self, identifier):
        """(views [4, ...], prompt map [1, ...], None, {'class_locations': ...}), as nnU-Net's datasets do."""
        with np.load(self.prompt_map_folder / f"{identifier}.npz") as locations:
            class_locations = {int(label): locations[label] for label in locations.files}
        prompt_map = storage.open_array(self.prompt_map_folder / f"{identifier}.b2nd")
        views = load_views(Path(self.source_folder), identifier)
        return views, prompt_map, None, {"class_locations": class_locations}

    @staticmethod
    def save_case(data, seg, properties, output_filename_truncated):
        raise NotImplementedError("Unlabeled cases are written by preprocess_case.")

    @staticmethod
    def get_identifiers(folder):
        """Cases in the folder, by their records, which are written last."""
        return sorted(path.stem for path in Path(folder).glob("*.json"))


def load_views(folder: Path, case: str) -> StackedViews:
    """Both views of a preprocessed case."""
    record = load_json(str(folder / f"{case}.json"))
    normalizations = [ChannelNormalization(**channel) for channel in record["normalizations"]]
    files = _channel_files(folder, case)
    channels = [StoredChannel(file, **channel) for file, channel in zip(files, record["channels"], strict=True)]
    return StackedViews(channels, normalizations)


def _channel_files(folder: Path, case: str) -> list[Path]:
    return [folder / f"{case}_{channel:04d}.b2nd" for channel in range(N_CHANNELS)]


def _to_keep(data: np.ndarray, normalizations: list[ChannelNormalization], resampled: bool) -> tuple[np.ndarray, ...]:
    """CT and PET as they are kept; see `preprocess_case`."""
    student = normalizations[CT_CHANNEL]
    ct_hu, pet_suv = without_air_noise(data[CT_CHANNEL], student.lower, student.upper), data[PET_CHANNEL]
    if not resampled:
        return ct_hu, pet_suv
    return np.rint(ct_hu), pet_suv.astype(np.float16 if pet_suv.max() <= np.finfo(np.float16).max else np.float32)


def _source(files: list[str]) -> list[list]:
    """Name, size and time of change of the files a case is made from."""
    return [[Path(f).name, os.stat(f).st_size, os.stat(f).st_mtime_ns] for f in files]


def _refuse_unsupported(plans_manager: PlansManager, configuration: str) -> None:
    configuration_manager = plans_manager.get_configuration(configuration)
    if configuration_manager.preprocessor_name != DefaultPreprocessor.__name__:
        raise NotImplementedError(
            f"The plans use {configuration_manager.preprocessor_name}; unlabeled cases can only be preprocessed as "
            f"{DefaultPreprocessor.__name__} does. Plan again with nnU-Net's default preprocessor."
        )
    if any(configuration_manager.use_mask_for_norm):
        raise NotImplementedError(
            "The plans normalize within a mask (use_mask_for_norm), which is not supported for unlabeled cases: large parts "
            "of your images are exactly 0 in CT and PET. Air in CT is about -1000 HU; correct the images, or set "
            "use_mask_for_norm to false in the plans and run nnUNetv2_preprocess again."
        )


def _refuse_different_grids(files: list[str]) -> None:
    # Here, since prediction imports this module and needs nothing of the evaluation.
    from nnunetv2_muduo.evaluation.images import check_same_grid, read_header

    ct, *others = (read_header(Path(file)) for file in files)
    for other in others:
        try:
            check_same_grid(other, ct)
        except ValueError as error:
            raise ValueError(
                f"{error}\n    Resample CT on the PET grid, as `muduo convert` does, or remove the case."
            ) from error


def _refuse_damaged(files: list[str]) -> None:
    """ITK, with which nnU-Net reads, turns NaN and the missing end of a truncated NIfTI file into 0 without a word."""
    files = [file for file in files if file.endswith(NIFTI_ENDINGS)]
    with ThreadPoolExecutor() as pool:  # unpacking does not hold Python's lock
        for file, n_bad in zip(files, pool.map(n_not_finite, map(Path, files)), strict=True):
            if n_bad:
                raise ValueError(f"{file} holds {n_bad} values that are not finite. Correct or remove the case.")


def _refuse_constant(images: np.ndarray, files: list[str]) -> None:
    for image, file in zip(images, files, strict=True):
        if image.min() == image.max():
            raise ValueError(f"{file} is constant ({image.min()} everywhere). Correct or remove the case.")
