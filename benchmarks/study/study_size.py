"""Sizes of the study: voxels, patches, student and schedule, the same for every row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StudySize:
    """How large trainings are."""

    spacing_mm: float = 12.0
    teacher: str = "small"
    image_size: int = 24
    n_features: int = 16
    """Features of the student's first stage; each stage doubles them, up to 8 times as many."""
    optimizer: str = "adamw"
    augmentation: str = "none"
    n_iterations_per_epoch: int = 40
    n_shared_epochs: int = 25
    """Supervised epochs of the network from which all rows of a split, but for those from scratch, go on."""
    n_epochs: int = 25
    """Epochs of each row after these."""

    def config(self) -> dict:
        """The config that all rows share; what is chosen about a method is its default."""
        return {
            "ct_teacher": "small" if self.teacher == "small" else "sam_med3d",
            "pet_teacher": "small" if self.teacher == "small" else "seganypet",
            "sam": "tiny" if self.teacher == "small" else "vit_b",
            "sam_iterations": 3000 if self.teacher == "small" else 6000,
            "num_epochs": self.n_epochs,
            "prompt_generator_num_epochs": self.n_shared_epochs + self.n_epochs,
            "num_iterations_per_epoch": self.n_iterations_per_epoch,
            "optimizer": self.optimizer,
            "augmentation": self.augmentation,
            "picture_every_epochs": 0,
        }


SMALL = StudySize()
LARGE = StudySize(
    spacing_mm=3.0,
    teacher="public",
    image_size=128,
    n_features=32,
    optimizer="sgd",
    augmentation="no_mirroring",
    n_iterations_per_epoch=250,
    n_shared_epochs=0,
    n_epochs=120,
)
