"""One split of a group's patients into labeled and unlabeled ones, and where its files are on this machine."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import nnunetv2_muduo
from benchmarks.own_commands import path_with_own_commands
from benchmarks.study.patients import Group
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.storage import read_json

FOLD = 0
CONFIGURATION = "3d_fullres"
PLANS = "nnUNetPlans"
VARIABLES = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
PLUGINS = (Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin", Path(__file__).parent / "nnunet_plugin")


@dataclass(frozen=True)
class Split:
    """A number of labeled cases and a seed: one data set, on which rows are trained."""

    folder: Path
    group: Group
    size: StudySize
    n_labeled: int
    seed: int
    of_teachers: "Split | None" = None
    """The teachers' patients, all with labels, for a row that starts with a network of these."""

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
    def own_folder(self) -> Path:
        """Shared networks, configs, logs and predictions of its rows."""
        return self.folder / "rows" / self.dataset

    @property
    def members_file(self) -> Path:
        """Studies of every kind of case by its name; see `patients.draw_members`."""
        return self.own_folder / "members.json"

    def unlabeled_truth(self) -> dict[str, Path]:
        """The hidden label map of every unlabeled case: for measuring and for upper bounds, never for a training beside."""
        return {name: Path(study) / "SEG.nii.gz" for name, study in read_json(self.members_file)["unlabeled"].items()}

    def seed_of(self, part: str) -> int:
        """Seed of a part of the split's trainings: each part draws patches of its own, all rows draw the same."""
        return int.from_bytes(hashlib.sha256(f"{self.seed} {part}".encode()).digest()[:4], "big")

    def environment(self) -> dict[str, str]:
        """nnU-Net's variables, this interpreter's commands first, and the trainers of the package and of the controls."""
        own = {name: str(self.folder / name) for name in VARIABLES}
        own |= {"nnUNet_compile": "f", "nnUNet_extTrainer": os.pathsep.join(map(str, PLUGINS))}
        return {**os.environ, **own, "PATH": path_with_own_commands()}
