"""Preprocessing of the cases in `imagesUn`: the plan's transpose, crop and resampling, but HU and SUV as they are."""

import functools
from pathlib import Path

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.channels import StoredChannel, without_air_noise, write_channel
from nnunetv2_muduo.data.excluded_cases import SUFFIX, ExcludedCase, exclusion_reason, record_excluded
from nnunetv2_muduo.data.raw_images import read_case
from nnunetv2_muduo.data.views import (
    CT_CHANNEL,
    N_CHANNELS,
    PET_CHANNEL,
    ChannelNormalization,
    StackedViews,
    channel_normalization,
)
from nnunetv2_muduo.parallel import listed, run_all


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
    unusable = excluded_cases(cases, folder, identity)
    for case, files in cases.items():
        if case in unusable:
            continue
        record = storage.read_json(folder / f"{case}.json")
        if record is None or not all(file.is_file() for file in _channel_files(folder, case)):
            reasons[case] = "not there"
        elif record["plan"] != identity:
            reasons[case] = "made with other plans"
        elif files is not None and record["source"] != storage.file_stamps(files):
            reasons[case] = "its images have changed since"
    return reasons


def excluded_cases(cases: dict[str, list[str] | None], folder: Path, identity: str) -> dict[str, str]:
    """Cases that were tried with these plans and images and can't be used, each with the reason why."""
    tried = [case for case, files in cases.items() if files and (folder / f"{case}{SUFFIX}").is_file()]
    reasons = {case: exclusion_reason(folder, case, _made_from(cases[case], identity)) for case in tried}
    return {case: reason for case, reason in reasons.items() if reason is not None}


def preprocess_unlabeled(
    cases: dict[str, list[str]],
    folder: Path,
    plans_manager: PlansManager,
    configuration: str,
    dataset_json: dict,
    n: int,
) -> None:
    """Preprocess cases with `n` processes; see `preprocess_case`. Those that fail don't keep the others from being made.

    Each is tried twice. One whose images can't be used gets a record that says so; see `data.unusable`.

    Raises:
        RuntimeError: some cases failed for another reason than their images; they are named with their reasons.
    """
    _refuse_unsupported(plans_manager, configuration)
    folder.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    job = functools.partial(
        preprocess_case,
        folder=folder,
        plans=plans_manager.plans,
        configuration=configuration,
        dataset_json=dataset_json,
    )
    failures = run_all(job, list(cases.items()), n, "Preprocessing unlabeled cases")
    identity = plan_identity(plans_manager, configuration)
    for case in [case for case, error in failures.items() if isinstance(error, ExcludedCase)]:
        record_excluded(folder, case, str(failures.pop(case)), _made_from(cases[case], identity))
    if failures:
        raise RuntimeError(
            f"{len(failures)} of {len(cases)} unlabeled cases could not be preprocessed, the others are done.\n"
            f"{listed(failures)}"
        )


def preprocess_case(case_and_files, folder: Path, plans: dict, configuration: str, dataset_json: dict) -> None:
    """Preprocess one case and write `CASE_0000.b2nd` (HU), `CASE_0001.b2nd` (SUV) and, last, its record `CASE.json`.

    Where nothing is resampled the values are kept exactly; what was resampled is rounded, CT to whole HU and PET to float16,
    which moves SUV by at most 0.05 %. In either case `without_air_noise` changes the air that the student does not see.

    Raises:
        ExcludedCase: the channels lie on different grids, are damaged, hold NaN, are constant, or the PET is no SUV; the
            file is named.
    """
    case, files = case_and_files
    plans_manager = PlansManager(plans)
    configuration_manager = plans_manager.get_configuration(configuration)
    images, properties = read_case(files, plans_manager.image_reader_writer_class())
    preprocessor = UnlabeledPreprocessor()
    data, _, properties = preprocessor.run_case_npy(
        images, None, properties, plans_manager, configuration_manager, dataset_json
    )
    resampled = tuple(data.shape[1:]) != tuple(properties["shape_after_cropping_and_before_resampling"])
    slice_axis = plans_manager.transpose_forward.index(0)
    channels = zip(_to_keep(data, preprocessor.normalizations, resampled), _channel_files(folder, case), strict=True)
    record = {
        "plan": plan_identity(plans_manager, configuration),
        "source": storage.file_stamps(files),
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
        places = self.prompt_map_folder / f"{identifier}.npz"
        with storage.naming_damage(places), np.load(places) as locations:
            class_locations = {int(label): locations[label] for label in locations.files}
        prompt_map = storage.StoredArray(self.prompt_map_folder / f"{identifier}.b2nd")
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
    """Both views of a preprocessed case. Raises DamagedFile."""
    with storage.naming_damage(folder / f"{case}.json"):
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


def _made_from(files: list[str], identity: str) -> list:
    """What decides whether a case that could not be used is tried again."""
    return [identity, storage.file_stamps(files)]


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
