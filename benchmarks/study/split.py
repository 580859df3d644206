"""One split of the study's patients into labeled and unlabeled ones, and where its files are."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.study.study_size import StudySize

FOLD = 0
CONFIGURATION = "3d_fullres"
PLANS = "nnUNetPlans"
VARIABLES = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


@dataclass(frozen=True)
class Split:
    """A number of labeled cases and a seed: one data set, on which all experiments are trained."""

    folder: Path
    size: StudySize
    n_labeled: int
    seed: int

    def __str__(self) -> str:
        return f"{self.n_labeled:2d} labels, seed {self.seed}"

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
        """Weights of the supervised network from which experiments start."""
        return self.folder / "shared_networks" / f"{self.dataset}.pth"

    def result_file(self, experiment: str, kind: str = "measures") -> Path:
        """A finished experiment's table: `measures` per case and organ, or `pseudo_labels` over training."""
        return self.folder / kind / f"{self.n_labeled:02d}_labels_seed_{self.seed}_{experiment}.csv"

    def environment(self) -> dict[str, str]:
        """nnU-Net's variables, and this interpreter's commands first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        folders = {name: str(self.folder / name) for name in VARIABLES}
        config = {"nnUNet_muduo_config": str(self.folder / "config.yaml")}
        return {**os.environ, **folders, **config, "PATH": path, "nnUNet_compile": "f"}
