"""Results of a teacher's training as a table for people and a JSON file for programs."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from nnunetv2_muduo.storage import write_json, write_text
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.validation import Dice

FIGURES, TABLE = "held_out.json", "held_out.txt"


def write_report(history: list[dict], settings: TrainingSettings, folder: Path) -> None:
    """Write all figures as JSON, and the best checkpoint's as a table."""
    best = max(history, key=lambda entry: entry["mean_of_prompts"])
    figures = {"settings": asdict(settings), "best": best, "history": history}
    head = f"Dice on held-out cases after {best['iteration']} of {settings.n_iterations} iterations\n\n"
    write_json(figures, folder / FIGURES)
    write_text(head + dice_table(best["dice"]).to_string(float_format="%.3f") + "\n", folder / TABLE)


def dice_table(dice: Dice) -> pd.DataFrame:
    """A row per organ, the mean over organs last; a column per kind of prompt."""
    table = pd.DataFrame(dice)
    return table.reindex([organ for organ in table.index if organ != "mean"] + ["mean"])
