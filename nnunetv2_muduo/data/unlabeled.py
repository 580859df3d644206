"""Preprocessing of the cases in `imagesUn`: the plan's transpose, crop and resampling, but HU and SUV as they are.

CT and PET are kept in physical units, for teachers, with the numbers that nnU-Net's normalization would have used. Any other
channel, and one that nnU-Net normalizes within a mask, is kept as nnU-Net's own preprocessing gives it.
"""

import functools
from collections.abc import Collection
from pathlib import Path

import numpy as np
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

from nnunetv2_muduo import storage
from nnunetv2_muduo.claims import CaseClaims, in_any_order
from nnunetv2_muduo.data.channels import without_air_noise, write_channel
from nnunetv2_muduo.data.checksums import sealed
from nnunetv2_muduo.data.excluded_cases import ExcludedCase, record_excluded
from nnunetv2_muduo.data.orientation import reoriented
from nnunetv2_muduo.data.outdated import outdated_cases
from nnunetv2_muduo.data.raw_images import read_case
from nnunetv2_muduo.data.unlabeled_dataset import case_files, channel_files, outside_file
from nnunetv2_muduo.data.views import (
    AS_STORED,
    LINEAR_SCHEMES,
    ChannelNormalization,
    channel_normalization,
)
from nnunetv2_muduo.imageio.grid import orientation_of
from nnunetv2_muduo.imageio.modalities import MODALITIES, Modality, channel_names, modality_of
from nnunetv2_muduo.parallel import listed, run_all


def physical_channels(configuration_manager: ConfigurationManager, dataset_json: dict) -> dict[int, Modality]:
    """The channels that are kept in physical units, with their modality: CT and PET that nnU-Net normalizes linearly."""
    modalities = [modality_of(name) for name in channel_names(dataset_json)]
    schemes, masked = configuration_manager.normalization_schemes, configuration_manager.use_mask_for_norm
    return {
        channel: modality
        for channel, modality in enumerate(modalities)
        if modality is not None and schemes[channel] in LINEAR_SCHEMES and not masked[channel]
    }


def why_no_physical_units(trainer: str, configuration_manager: ConfigurationManager, dataset_json: dict) -> str | None:
    """Why teachers can't be given HU and SUV of every channel, None where they can.

    Args:
        trainer: name of the class that has teachers, in which it is said.
    """
    if len(physical_channels(configuration_manager, dataset_json)) == len(channel_names(dataset_json)):
        return None
    schemes, masked = configuration_manager.normalization_schemes, configuration_manager.use_mask_for_norm
    return (
        f"{trainer} has teachers, which need HU and SUV, but the plans normalize the channels with "
        f"{schemes}, within a mask (use_mask_for_norm): {masked}. A mask means "
        f"that large parts of your images are exactly 0 in CT and PET, where air in CT is about -1000 HU: correct the "
        f"images, or set use_mask_for_norm to false in the plans and run nnUNetv2_preprocess again."
    )


class UnlabeledPreprocessor(DefaultPreprocessor):
    """nnU-Net's preprocessing that, for some channels, notes what its normalization would have done instead of doing it."""

    def __init__(self, physical: Collection[int]):
        super().__init__(verbose=False)
        self.physical = sorted(physical)
        self.normalizations: list[ChannelNormalization] = []

    def _normalize(self, data, seg, configuration_manager, foreground_intensity_properties_per_channel):
        properties, schemes = foreground_intensity_properties_per_channel, configuration_manager.normalization_schemes
        self.normalizations = [
            channel_normalization(scheme, data[c], properties[str(c)]) if c in self.physical else AS_STORED
            for c, scheme in enumerate(schemes)
        ]
        if len(self.physical) == len(data):
            return data
        normalized = super()._normalize(data.copy(), seg, configuration_manager, properties)
        normalized[self.physical] = data[self.physical]
        return normalized


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


def preprocess_unlabeled(
    claims: CaseClaims,
    cases: dict[str, list[str]],
    plans_manager: PlansManager,
    configuration: str,
    dataset_json: dict,
    n: int,
    orientation: str | None = None,
) -> None:
    """Preprocess cases with `n` processes; see `preprocess_case`. Those that fail don't keep the others from being made.

    Each is tried twice. One whose images can't be used gets a record that says so; see `outdated.excluded_cases`.

    Args:
        claims: of the folder of preprocessed cases, begun before it was looked at what is missing.

    Raises:
        RuntimeError: some cases failed for another reason than their images; they are named with their reasons.
    """
    _refuse_other_preprocessors(plans_manager, configuration)
    folder = claims.folder
    folder.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    job = functools.partial(
        _preprocess_once,
        claims=claims,
        plans=plans_manager.plans,
        configuration=configuration,
        dataset_json=dataset_json,
        orientation=orientation,
    )
    failed = run_all(job, in_any_order(list(cases.items())), n, "Preprocessing unlabeled cases")
    failures = {case: failed[case] for case in cases if case in failed}
    identity = plan_identity(plans_manager, configuration)
    for case in [case for case, error in failures.items() if isinstance(error, ExcludedCase)]:
        record_excluded(folder, case, str(failures.pop(case)), identity, cases[case])
    if failures:
        raise RuntimeError(
            f"{len(failures)} of {len(cases)} unlabeled cases could not be preprocessed, the others are done.\n"
            f"{listed(failures)}"
        )


def _preprocess_once(
    case_and_files, claims: CaseClaims, plans: dict, configuration: str, dataset_json: dict, orientation: str | None
) -> None:
    """`preprocess_case`, unless another process does it meanwhile."""
    case, files = case_and_files
    identity = plan_identity(PlansManager(plans), configuration)
    with claims.claim(case, "preprocesses") as is_as_before:
        if is_as_before or outdated_cases({case: files}, claims.folder, identity, orientation):
            preprocess_case(case_and_files, claims.folder, plans, configuration, dataset_json, orientation)


def preprocess_case(
    case_and_files, folder: Path, plans: dict, configuration: str, dataset_json: dict, orientation: str | None = None
) -> None:
    """Preprocess one case and write `CASE_0000.b2nd` and so on, a file for each channel, and, last, its record `CASE.json`,
    which holds their checksums.

    Where nothing is resampled the values are kept exactly; what was resampled is rounded, CT to whole HU and PET to float16,
    which moves SUV by at most 0.05 %. In either case `without_air_noise` changes the air that the student does not see.
    Where a channel is normalized within a mask, `CASE_outside.b2nd` holds 1 outside of it.

    Args:
        orientation: that of the labeled cases, such as LPS, into which the case is brought; None keeps its own.

    Raises:
        ExcludedCase: the channels lie on different grids, are damaged, hold NaN, are constant, or CT and PET are not in HU and
            SUV; the file is named.
    """
    case, files = case_and_files
    plans_manager = PlansManager(plans)
    settings = plans_manager.get_configuration(configuration)
    images, properties = read_case(files, plans_manager.image_reader_writer_class(), channel_names(dataset_json))
    turned_from = None
    if orientation and "sitk_stuff" in properties:
        turned_from = orientation_of(properties["sitk_stuff"]["direction"])
        images, properties = reoriented(images, properties, orientation)
    physical = physical_channels(settings, dataset_json)
    preprocessor = UnlabeledPreprocessor(physical)
    data, seg, properties = preprocessor.run_case_npy(images, None, properties, plans_manager, settings, dataset_json)
    resampled = tuple(data.shape[1:]) != tuple(properties["shape_after_cropping_and_before_resampling"])
    if any(settings.use_mask_for_norm):
        storage.write_array((seg < 0).astype(np.uint8), outside_file(folder, case), settings.patch_size)
    else:
        outside_file(folder, case).unlink(missing_ok=True)  # of earlier plans
    channels, slice_axis = [], plans_manager.transpose_forward.index(0)
    for c, file in enumerate(channel_files(folder, case, len(data))):
        kept = _to_keep(data[c], physical.get(c), preprocessor.normalizations[c], resampled)
        channels.append(write_channel(kept, file, settings.patch_size, slice_axis))
    record = {
        "plan": plan_identity(plans_manager, configuration),
        "source": storage.file_stamps(files),
        "normalizations": [normalization.to_dict() for normalization in preprocessor.normalizations],
        "resampled": resampled,
        "channels": channels,
        "spacing_mm": [float(s) for s in settings.spacing],
        "direction": list(properties.get("sitk_stuff", {}).get("direction", [])),
    }
    if turned_from not in (None, orientation):
        record["turned_from"] = turned_from
    storage.write_json(sealed(record, case_files(folder, case, len(data))), folder / f"{case}.json")


def _to_keep(
    channel: np.ndarray, modality: Modality | None, student: ChannelNormalization, resampled: bool
) -> np.ndarray:
    """A channel as it is kept; see `preprocess_case`. `modality` is None where it is not in physical units."""
    if modality is MODALITIES["ct"]:
        channel = without_air_noise(channel, student.lower, student.upper)
        return np.rint(channel) if resampled else channel
    if modality is MODALITIES["pet"] and resampled and channel.max() <= np.finfo(np.float16).max:
        return channel.astype(np.float16)
    return channel


def _refuse_other_preprocessors(plans_manager: PlansManager, configuration: str) -> None:
    configuration_manager = plans_manager.get_configuration(configuration)
    if configuration_manager.preprocessor_name != DefaultPreprocessor.__name__:
        raise NotImplementedError(
            f"The plans use {configuration_manager.preprocessor_name}; unlabeled cases can only be preprocessed as "
            f"{DefaultPreprocessor.__name__} does. Plan again with nnU-Net's default preprocessor."
        )
