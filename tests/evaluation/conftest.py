"""What a training of eleven organs leaves behind, made up."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.visualization.training_curves import progress_table

ORGANS = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "aorta", "stomach", "lung_upper_lobe_left",
    "lung_lower_lobe_left", "lung_upper_lobe_right", "lung_middle_lobe_right",
)  # fmt: skip
DATASET = "Dataset007_MadeUp"
N_VAL, N_UNLABELED = 4, 30


class MadeUpTraining:
    """Folders of a made-up training below `root`, which tests may change before they make a report of it."""

    def __init__(self, root: Path, n_epochs: int = 60, panel_epochs: tuple[int, ...] = (0, 20, 40, 59)):
        self.rng = np.random.default_rng(0)
        self.root = root
        self.model = root / "res" / DATASET / "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres"
        self.fold = self.model / "fold_0"
        self.maps = (
            root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled" / "prompt_maps"
            / "nnUNetTrainerMuDuoPromptGenerator__nnUNetPlans__3d_fullres__fold_0__0123abcd"
        )  # fmt: skip
        for folder in (self.fold / "muduo_panels", self.fold / "validation", self.maps, root / "raw" / DATASET):
            folder.mkdir(parents=True)
        self._write_model()
        MuDuoConfig(n_points=5, num_epochs=n_epochs).save(self.fold / "muduo_config.yaml")
        progress_table(self.logged(n_epochs), list(ORGANS)).to_csv(self.fold / "muduo_progress.csv", index=False)
        for i, epoch in enumerate(panel_epochs):
            color = (40 + 60 * i, 80, 120)
            Image.new("RGB", (1600, 500), color).save(self.fold / "muduo_panels" / f"epoch_{epoch:04d}.png")
        self.write_validation(self.rng.uniform(0.5, 0.95, (N_VAL, len(ORGANS))))
        self._write_cases()

    def _write_model(self) -> None:
        settings = {"data_identifier": "nnUNetPlans_3d_fullres", "patch_size": [128] * 3, "spacing": [3.0, 2.04, 2.04]}
        plans = {"plans_name": "nnUNetPlans", "configurations": {"3d_fullres": {**settings, "architecture": {}}}}
        labels = {"background": 0, **{name: i + 1 for i, name in enumerate(ORGANS)}}
        self.write_json(self.model / "plans.json", plans)
        self.write_json(self.model / "dataset.json", {"labels": labels, "channel_names": {"0": "CT", "1": "PET"}})
        (self.fold / "checkpoint_final.pth").touch()

    def logged(self, n_epochs: int) -> dict[str, list]:
        """The logger's lists; values of an organ are its index in hundredths."""
        epochs = np.arange(n_epochs)
        decay = np.exp(-epochs / 15)
        per_organ = np.arange(len(ORGANS)) / 100
        return {
            "epoch_start_timestamps": list(90.0 * epochs),
            "epoch_end_timestamps": list(90.0 * epochs + 85),
            "train_losses": list(1.5 * decay - 0.9 + self.rng.normal(0, 0.02, n_epochs)),
            "val_losses": list(1.4 * decay - 0.8 + self.rng.normal(0, 0.03, n_epochs)),
            "consistency_losses": list(0.05 * decay),
            "ramp_up_weights": list(0.1 * np.exp(-5 * (1 - np.minimum(epochs / 30, 1)) ** 2)),
            "n_valid_pairs": [100] * n_epochs,
            "n_kept_pairs": [50] * n_epochs,
            "mean_fg_dice": list(0.8 - 0.7 * decay),
            "ema_fg_dice": list(0.75 - 0.7 * decay),
            "lrs": [0.01] * n_epochs,
            "agreement_per_organ": [list(per_organ + 0.3 + 0.4 * (1 - d)) for d in decay],
            "kept_share_per_organ": [list(per_organ + 0.45) for _ in epochs],
            "dice_per_class_or_region": [list(per_organ + 0.8 * (1 - d)) for d in decay],
        }

    def change_progress(self, **columns) -> None:
        """Set columns of muduo_progress.csv."""
        path = self.fold / "muduo_progress.csv"
        pd.read_csv(path).assign(**columns).to_csv(path, index=False)

    def write_validation(self, dice: np.ndarray) -> None:
        """nnU-Net's summary.json with these values [N_VAL, organs]; NaN is an organ on neither side."""
        cases = []
        for i, values in enumerate(dice):
            metrics = {
                str(organ + 1): {"Dice": float(d), "n_ref": 0 if np.isnan(d) else 900, "n_pred": 800}
                for organ, d in enumerate(values)
            }
            cases.append({"prediction_file": f"/gone/psma_{i}_study.nii.gz", "metrics": metrics})
        self.write_json(self.fold / "validation" / "summary.json", {"metric_per_case": cases})

    def _write_cases(self) -> None:
        sets = {f"fdg_{i}_study": "labeled" for i in range(6)}
        sets |= {f"psma_{i}_study": "val" for i in range(N_VAL)}
        sets |= {f"other_{i}_study": "unlabeled" for i in range(N_UNLABELED)}
        entries = {
            case: {"set": name, "patient": case.split("_")[1], "patient_key": case[:-6], "study": "2003-01-01"}
            for case, name in sets.items()
        }
        self.write_json(self.root / "raw" / DATASET / "muduo_cases.json", {"cases": entries})
        split = {
            name: [c for c, s in sets.items() if s == which] for name, which in (("train", "labeled"), ("val", "val"))
        }
        self.write_json(self.root / "pre" / DATASET / "splits_final.json", [split])
        for case in [case for case, name in sets.items() if name == "unlabeled"]:
            self.write_json(self.maps.parents[1] / f"{case}.json", {})
            self.write_map(case, range(1, len(ORGANS) + 1))

    def write_map(self, case: str, organs) -> None:
        """A prompt map's places: one voxel of every given organ, none of the others."""
        places = {str(i + 1): np.zeros((int(i + 1 in organs), 4), np.int16) for i in range(len(ORGANS))}
        np.savez(self.maps / case, **places)

    def change_case(self, case: str, **entry) -> None:
        """Change a case's entry in muduo_cases.json."""
        path = self.root / "raw" / DATASET / "muduo_cases.json"
        content = json.loads(path.read_text())
        content["cases"][case] |= entry
        self.write_json(path, content)

    @staticmethod
    def write_json(path: Path, content) -> None:
        path.write_text(json.dumps(content))


@pytest.fixture
def made_up_training(tmp_path, monkeypatch) -> MadeUpTraining:
    """A made-up training, and nnU-Net's folders set to where it lies."""
    for variable, folder in [("raw", "raw"), ("preprocessed", "pre"), ("results", "res")]:
        monkeypatch.setenv(f"nnUNet_{variable}", str(tmp_path / folder))
    return MadeUpTraining(tmp_path)
