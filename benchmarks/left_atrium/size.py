"""Size of a training: a smaller network, patch and schedule than the published ones, the same for every method."""

from dataclasses import dataclass
from typing import ClassVar

SUPERVISED = "Supervised"
METHODS = (SUPERVISED, "MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SelfTraining", "CFR")
"""Trainers nnUNetTrainer<name>; supervised training is that of any with weight 0. The row "CPS@1" is CPS with the weight 1."""
AT_WEIGHT = "@"


@dataclass(frozen=True)
class Size:
    """What a training on two cores can bear; the published one is a V-Net on 112 x 112 x 80 voxels for 6000 iterations."""

    patch_size: tuple[int, int, int] = (40, 56, 56)
    """Half of the published patch, as the images are at half resolution; in the order of nnU-Net's arrays."""
    n_features: int = 16
    n_stages: int = 4
    batch_size: int = 2
    num_epochs: int = 25
    num_iterations_per_epoch: int = 40
    augmentation: str = "none"
    """The published trainings crop, turn and mirror alone."""

    about: ClassVar[str] = "about.md"
    """What stands above the tables."""
    results_suffix: ClassVar[str] = ""
    optimizer: ClassVar[str] = "adamw"
    sam: ClassVar[dict] = {"sam": "tiny", "sam_iterations": 600}
    """CFR's SAM is the one with random weights, since two cores can't train a public one."""

    def config(self, row: str, seed: int) -> dict:
        """Config of a training; without another one the weight is the method's own."""
        method, _, weight = row.partition(AT_WEIGHT)
        return {
            **({"consistency_weight": 0.0} if method == SUPERVISED else {}),
            **({"consistency_weight": float(weight)} if weight else {}),
            **({**self.sam, "sam_seed": seed} if method == "CFR" else {}),
            "num_epochs": self.num_epochs,
            "num_iterations_per_epoch": self.num_iterations_per_epoch,
            "optimizer": self.optimizer,
            "augmentation": self.augmentation,
            "picture_every_epochs": 0,
        }


class PublishedSize(Size):
    """The published patch, steps, batch and SAM, with nnU-Net's network and augmentation; images at full resolution."""

    about: ClassVar[str] = "about_published.md"
    results_suffix: ClassVar[str] = "_published"
    optimizer: ClassVar[str] = "sgd"
    sam: ClassVar[dict] = {"sam": "vit_b", "sam_iterations": 6000}

    def __init__(self):
        super().__init__(
            patch_size=(80, 112, 112),
            n_features=32,
            n_stages=5,
            num_epochs=24,
            num_iterations_per_epoch=250,
            augmentation="nnunet",
        )


def row_name(text: str) -> str:
    """The text, if it is a method, or one with a weight.

    Raises:
        ValueError: it is neither.
    """
    method, at, weight = text.partition(AT_WEIGHT)
    if method not in METHODS or (at and (method == SUPERVISED or not float(weight) > 0)):
        raise ValueError(text)
    return text


def position_in_tables(row: str) -> tuple[int, float]:
    """Key to sort rows by: the methods' order, published weights first."""
    method, _, weight = row.partition(AT_WEIGHT)
    return METHODS.index(method), float(weight or 0)


def trainer_name(row: str) -> str:
    """What `-tr` names."""
    method = row.partition(AT_WEIGHT)[0]
    return "nnUNetTrainerMeanTeacher" if method == SUPERVISED else f"nnUNetTrainer{method}"
