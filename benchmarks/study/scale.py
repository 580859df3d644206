"""Sizes of the label efficiency study, and where its files are."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

FOLD = 0
CONFIGURATION = "3d_fullres"
PLANS = "nnUNetPlans"
VARIABLES = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


@dataclass(frozen=True)
class Scale:
    """How large the study is; students, teachers and schedule are the same for every row."""

    spacing_mm: float = 12.0
    n_test: int = 24
    n_val: int = 2
    n_train: int = 60
    """Labeled and unlabeled cases together."""
    teacher: str = "small"
    image_size: int = 24
    n_features: int = 16
    """Features of the student's first stage; each stage doubles them, up to 8 times as many."""
    optimizer: str = "adamw"
    augmentation: str = "none"
    n_iterations_per_epoch: int = 40
    n_shared_epochs: int = 25
    """Supervised epochs on both channels, trained once for each setting: every row with both channels goes on from there."""
    n_epochs: int = 25
    """Epochs of each row after these."""
    ramp_up_epochs: int = 5
    """A fifth of the row's epochs, as with nnU-Net's 1000 and the default 200."""

    def config(self) -> dict:
        """The MuDuo config that all rows share."""
        return {
            "ct_teacher": "small" if self.teacher == "small" else "sam_med3d",
            "pet_teacher": "small" if self.teacher == "small" else "seganypet",
            "num_epochs": self.n_epochs,
            "prompt_generator_num_epochs": self.n_shared_epochs + self.n_epochs,
            "num_iterations_per_epoch": self.n_iterations_per_epoch,
            "ramp_up_epochs": self.ramp_up_epochs,
            "consistency_weight": 1.0,  # of the rows that set no other; 0.3 became the default by this study
            "optimizer": self.optimizer,
            "augmentation": self.augmentation,
            "picture_every_epochs": 0,
        }


SMALL = Scale()
LARGE = Scale(
    spacing_mm=3.0,
    teacher="public",
    image_size=128,
    n_features=32,
    optimizer="sgd",
    augmentation="no_mirroring",
    n_iterations_per_epoch=250,
    n_shared_epochs=0,
    n_epochs=120,
    ramp_up_epochs=24,
)


@dataclass(frozen=True)
class Setting:
    """A number of labeled cases and a seed: one data set, on which all rows are trained."""

    folder: Path
    scale: Scale
    n_labeled: int
    seed: int

    @property
    def dataset_id(self) -> int:
        return 100 + 10 * self.n_labeled + self.seed

    @property
    def dataset(self) -> str:
        return f"Dataset{self.dataset_id:03d}_Study"

    @property
    def raw(self) -> Path:
        return self.folder / "nnUNet_raw" / self.dataset

    @property
    def preprocessed(self) -> Path:
        return self.folder / "nnUNet_preprocessed" / self.dataset

    @property
    def shared_network(self) -> Path:
        """Weights of the supervised network from which rows go on."""
        return self.folder / "shared_networks" / f"{self.dataset}.pth"

    def result_file(self, row: str, kind: str = "measures") -> Path:
        """A finished row's table: `measures` per case and organ, or `pseudo_labels` over training."""
        return self.folder / kind / f"{self.n_labeled:02d}_labels_seed_{self.seed}_{row}.csv"

    def environment(self) -> dict[str, str]:
        """nnU-Net's variables, and this interpreter's commands first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        folders = {name: str(self.folder / name) for name in VARIABLES}
        config = {"nnUNet_muduo_config": str(self.folder / "config.yaml")}
        return {**os.environ, **folders, **config, "PATH": path, "nnUNet_compile": "f"}
