"""Plans and data sets that a trainer can't be trained with, each refused with a sentence."""

from pathlib import Path

from torch import nn

from nnunetv2_muduo.data.supported import why_no_such_training
from nnunetv2_muduo.data.unlabeled import why_no_physical_units
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


def part_of(network: nn.Module, path: str, trainer_name: str) -> nn.Module:
    """The part of a network at a path of attributes. Raises NotImplementedError where the plan's network has none there."""
    part = network
    for name in path.split("."):
        part = getattr(part, name, None)
    if part is None:
        raise NotImplementedError(
            f"{trainer_name} needs a network with {path}, as nnU-Net's own have; the plan's {type(network).__name__} has none."
        )
    return part


def _why_no_channels_for_it(trainer, name: str) -> str | None:
    channels, settings = channel_names(trainer.dataset_json), trainer.configuration_manager
    modalities = [modality and modality.key for modality in map(modality_of, channels)]
    if trainer.needs_ct_and_pet and modalities != ["ct", "pet"]:
        return (
            f'{name} needs two channels, {{"0": "CT", "1": "PET"}}; dataset.json has {", ".join(channels)}. The names decide the '
            f"normalization: correct them, then plan and preprocess again."
        )
    return why_no_physical_units(name, settings, trainer.dataset_json) if trainer.needs_teachers else None
