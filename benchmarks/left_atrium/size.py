"""Size of a training: a smaller network, patch and schedule than the published ones, the same for every method."""

from dataclasses import dataclass

SUPERVISED = "Supervised"
METHODS = (SUPERVISED, "MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SelfTraining")
"""Trainers nnUNetTrainer<name>; supervised training is that of any with weight 0."""


@dataclass(frozen=True)
class Size:
    """What a training on two cores can bear; the published one is a V-Net on 112 x 112 x 80 voxels for 6000 iterations."""

    patch_size: tuple[int, int, int] = (40, 56, 56)
    """Half of the published patch, as the images are at half resolution; in the order of nnU-Net's arrays."""
    n_features: int = 8
    n_stages: int = 4
    batch_size: int = 2
    num_epochs: int = 30
    num_iterations_per_epoch: int = 40

    def config(self, method: str) -> dict:
        """Config of a training; weights are each method's own."""
        return {
            **({"consistency_weight": 0.0} if method == SUPERVISED else {}),
            "num_epochs": self.num_epochs,
            "num_iterations_per_epoch": self.num_iterations_per_epoch,
            "optimizer": "adamw",
            "picture_every_epochs": 0,
        }


def trainer_name(method: str) -> str:
    """What `-tr` names."""
    return "nnUNetTrainerMeanTeacher" if method == SUPERVISED else f"nnUNetTrainer{method}"
