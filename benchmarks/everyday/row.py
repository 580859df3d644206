"""What a row of the table is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ID = 705
DATASET = f"Dataset{ID}_Phantom"
RAW, PREPROCESSED, RESULTS = (f"nnUNet_{name}/{DATASET}" for name in ("raw", "preprocessed", "results"))
"""Folders of the data set, below a row's folder."""


@dataclass(frozen=True)
class Refused:
    """A command that must fail, and words that must be among the last that it says."""

    command: str
    words: str


Step = str | Refused | Callable[[Path], None]
"""A command (with variables before it, as in a shell), a refused one, or a change or check of the row's folder."""


@dataclass(frozen=True)
class Row:
    """Something that works today and must go on working.

    Attributes:
        guards: what nobody may break, in words.
        leaves: patterns of files, each of which must match one afterwards.
        starts_from: row of whose folder this one gets a copy; None: an empty folder.
        variables: environment of the commands; None unsets one.
        needs: Python package without which the row is skipped.
    """

    name: str
    guards: str
    steps: tuple[Step, ...]
    leaves: tuple[str, ...] = ()
    starts_from: str | None = "planned"
    variables: dict[str, str | None] = field(default_factory=dict)
    needs: str | None = None


def model(trainer: str, plans: str = "nnUNetPlans", configuration: str = "3d_fullres") -> str:
    """Folder of a trained model, below a row's folder."""
    return f"{RESULTS}/{trainer}__{plans}__{configuration}"


def train(
    fold: int | str, trainer: str = "nnUNetTrainerMuDuo", more: str = "", configuration: str = "3d_fullres"
) -> str:
    """nnU-Net's own command for a fold."""
    return f"nnUNetv2_train {ID} {configuration} {fold} -tr {trainer} -device cpu {more}".rstrip()
