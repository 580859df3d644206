"""JSON files of a data set that a command is about to use, read once beforehand: a wrong one is named, with its field."""

from pathlib import Path

from nnunetv2_muduo.conversion.record import RECORD_FILE
from nnunetv2_muduo.user_files import read_description, read_plans, read_splits, read_user_json


def require_readable(raw: Path, preprocessed: Path | None, plans: str) -> None:
    """Refuse files of a data set that are no JSON or of another shape than nnU-Net's; those that are not there may be missing.

    Args:
        raw, preprocessed: the data set's folders.
        plans: identifier, such as nnUNetPlans.

    Raises:
        ValueError: the message names the file and the field.
    """
    descriptions = [folder / "dataset.json" for folder in (raw, preprocessed) if folder]
    for description in filter(Path.is_file, descriptions):
        read_description(description)
    if (raw / RECORD_FILE).is_file():
        read_user_json(raw / RECORD_FILE, {"cases": dict})
    if preprocessed and (preprocessed / "splits_final.json").is_file():
        read_splits(preprocessed / "splits_final.json")
    if preprocessed and (preprocessed / f"{plans}.json").is_file():
        read_plans(preprocessed / f"{plans}.json")


def require_plans(preprocessed: Path, plans: str, configuration: str) -> None:
    """Refuse plans that are not there, or lack the configuration.

    Raises:
        FileNotFoundError, ValueError: the message names what there is instead.
    """
    file = preprocessed / f"{plans}.json"
    if not file.is_file():
        there = ", ".join(sorted(path.stem for path in preprocessed.glob("*Plans*.json"))) or "none"
        raise FileNotFoundError(
            f"There are no plans {file}. Name others with -p (there are: {there}), or run nnUNetv2_plan_and_preprocess."
        )
    configurations = read_plans(file)["configurations"]
    if configuration not in configurations:
        raise ValueError(f"{file} has no configuration {configuration}, but {', '.join(configurations)}. See -c.")
