"""Sizes of the label efficiency study: cases, patches, student and schedule."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StudySize:
    """How large the study is; students, teachers and schedule are the same for every experiment."""

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
    """Supervised epochs on both channels, trained once for each split: experiments with both channels start from there."""
    n_epochs: int = 25
    """Epochs of each experiment after these."""
    ramp_up_epochs: int = 5
    """A fifth of the experiment's epochs, as with nnU-Net's 1000 and the default 200."""

    def config(self) -> dict:
        """The MuDuo config that all experiments share."""
        return {
            "ct_teacher": "small" if self.teacher == "small" else "sam_med3d",
            "pet_teacher": "small" if self.teacher == "small" else "seganypet",
            "num_epochs": self.n_epochs,
            "prompt_generator_num_epochs": self.n_shared_epochs + self.n_epochs,
            "num_iterations_per_epoch": self.n_iterations_per_epoch,
            "ramp_up_epochs": self.ramp_up_epochs,
            "consistency_weight": 1.0,  # where an experiment sets no other; 0.3 became the default by this study
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
    ramp_up_epochs=24,
)
