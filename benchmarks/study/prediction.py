"""Label maps of the test cases by a row's network, or by several networks whose probabilities are averaged."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunetv2_muduo.data.batched_predictor import BatchedPredictor

TILE_STEP = 0.75  # of the sliding window, for every row: half the tiles of nnU-Net's own 0.5


def predict(trainer, images: Path, folder: Path, with_probabilities: bool = False) -> None:
    """Label maps of all cases of a folder, by nnU-Net's predictor; with probabilities also CASE.npz."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"tile_step_size": TILE_STEP, "use_mirroring": False, "device": trainer.device}
    if trainer.device.type == "cuda":
        predictor = nnUNetPredictor(**options)
    else:
        predictor = BatchedPredictor(**options, autocast_dtype=trainer.autocast_dtype)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor.manual_initialization(
        trainer.network, trainer.plans_manager, trainer.configuration_manager, [trainer.network.state_dict()],
        trainer.dataset_json, type(trainer).__name__, None,
    )  # fmt: skip
    predictor.predict_from_files_sequential(str(images), str(folder), with_probabilities)


def average(folders: list[Path], folder: Path) -> None:
    """Label maps of the mean of the probabilities that are in several folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(folders[0].glob("*.npz")):
        probs = np.mean([np.load(each / file.name)["probabilities"] for each in folders], axis=0)
        labels = sitk.GetImageFromArray(probs.argmax(0).astype(np.uint8))
        labels.CopyInformation(sitk.ReadImage(str(folders[0] / f"{file.stem}.nii.gz")))
        sitk.WriteImage(labels, str(folder / f"{file.stem}.nii.gz"))
