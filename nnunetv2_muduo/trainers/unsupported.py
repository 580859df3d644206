"""Plans and data sets that a trainer can't be trained with, each refused with a sentence."""

from pathlib import Path

from nnunetv2_muduo.data.supported import why_no_such_training
from nnunetv2_muduo.data.unlabeled import physical_channels
from nnunetv2_muduo.imageio.modalities import channel_names, modality_of
from nnunetv2_muduo.labels import why_no_labels


def why_unsupported(trainer) -> str | None:
    """Why a trainer, not yet initialized, can't be trained with its plans and data set; None where it can."""
    name, configuration = type(trainer).__name__, trainer.configuration_name
    if reason := why_no_such_training(name, configuration, trainer.configuration_manager.configuration):
        return reason
    if trainer.label_manager.has_regions:
        return f"{name} does not support region-based labels. Use plain labels in dataset.json."
    if reason := why_no_labels(trainer.dataset_json["labels"]):
        return f"{Path(trainer.preprocessed_dataset_folder_base, 'dataset.json')}: {reason}."
    return _why_no_channels_for_it(trainer, name)


def _why_no_channels_for_it(trainer, name: str) -> str | None:
    channels, settings = channel_names(trainer.dataset_json), trainer.configuration_manager
    modalities = [modality and modality.key for modality in map(modality_of, channels)]
    if trainer.needs_ct_and_pet and modalities != ["ct", "pet"]:
        return (
            f'{name} needs two channels, {{"0": "CT", "1": "PET"}}; dataset.json has {", ".join(channels)}. The names decide the '
            f"normalization: correct them, then plan and preprocess again."
        )
    if trainer.needs_teachers and len(physical_channels(settings, trainer.dataset_json)) < len(channels):
        return (
            f"{name} has teachers, which need HU and SUV, but the plans normalize the channels with "
            f"{settings.normalization_schemes}, within a mask (use_mask_for_norm): {settings.use_mask_for_norm}. A mask means "
            f"that large parts of your images are exactly 0 in CT and PET, where air in CT is about -1000 HU: correct the "
            f"images, or set use_mask_for_norm to false in the plans and run nnUNetv2_preprocess again."
        )
    return None
