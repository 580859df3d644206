"""A trained nnU-Net as the first answer, which clicks then correct: an organ's mask of its prediction."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunetv2_muduo.checkpoints import FINAL, read_checkpoint
from nnunetv2_muduo.evaluation.cases import read_label_names
from nnunetv2_muduo.imageio.grid import Grid, put_on_grid, set_grid
from nnunetv2_muduo.imageio.modalities import MODALITIES, channel_names, modality_of
from nnunetv2_muduo.user_files import read_description


class OrganModel:
    """A model's folder, nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION, with all folds that are there.

    Like nnUNetv2_predict it reads checkpoints that can hold programs: to be used with models of people who are trusted.

    Raises:
        FileNotFoundError, ValueError: no such folder, no finished fold, damaged, or channels other than CT in HU and PET in SUV.
    """

    def __init__(self, folder: Path, device: str = "cpu"):
        description = read_description(folder / "dataset.json")
        self.labels = read_label_names(folder / "dataset.json").organs
        self._modalities = [_modality(name, folder) for name in channel_names(description)]
        checkpoints = sorted(folder.glob(f"fold_*/{FINAL}"))
        if not checkpoints:
            raise FileNotFoundError(
                f"{folder} has no fold with a {FINAL}: is it a model's folder, and its training done?"
            )
        for checkpoint in checkpoints:
            read_checkpoint(checkpoint)  # or nnU-Net's own error of a damaged one names nothing
        self._predictor = nnUNetPredictor(
            device=torch.device(device), perform_everything_on_device=device != "cpu", allow_tqdm=False
        )
        folds = tuple(path.parent.name.removeprefix("fold_") for path in checkpoints)
        self._predictor.initialize_from_trained_model_folder(str(folder), folds, FINAL)

    def label(self, organ: str) -> int:
        """Label of an organ. Raises ValueError that says which there are."""
        if organ not in self.labels:
            raise ValueError(
                f"The model has no organ {organ!r}, but {', '.join(self.labels)}. Name the object so, or the organ with --organ."
            )
        return self.labels[organ]

    def predict(self, images: dict[str, sitk.Image]) -> sitk.Image:
        """Label map on the first image's grid, as nnUNetv2_predict makes it.

        Args:
            images: by modality, "ct" in HU and "pet" in SUV; further ones may lie on other grids.

        Raises:
            ValueError: an image that the model asks for is missing.
        """
        missing = [MODALITIES[modality].name for modality in self._modalities if modality not in images]
        if missing:
            raise ValueError(f"The model of --organs asks for {' and '.join(missing)} too.")
        reference = next(iter(images.values()))
        channels = [
            put_on_grid(images[key], reference, sitk.sitkLinear, MODALITIES[key].outside) for key in self._modalities
        ]
        array = np.stack([sitk.GetArrayFromImage(channel) for channel in channels]).astype(np.float32)
        properties = {"spacing": list(reference.GetSpacing()[::-1])}
        labels = self._predictor.predict_single_npy_array(array, properties, None, None, False)
        return set_grid(sitk.GetImageFromArray(labels.astype(np.int16)), Grid.of(reference))


def _modality(channel_name: str, folder: Path) -> str:
    modality = modality_of(channel_name)
    if modality is None:
        raise ValueError(f"The model {folder} asks for {channel_name}, which is neither CT nor PET.")
    return modality.key
