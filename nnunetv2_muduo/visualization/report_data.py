"""What there is to report of a training: everything is read from the folder of its fold and the data set's folders."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.config import CONFIG_FILE
from nnunetv2_muduo.conversion.record import RECORD_FILE
from nnunetv2_muduo.data.prompt_maps import latest_prompt_maps
from nnunetv2_muduo.data.unlabeled import UnlabeledDataset, unlabeled_folder
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.visualization.teacher_picture import PANEL_FOLDER
from nnunetv2_muduo.visualization.training_curves import PROGRESS_NAME

CASE_COLUMNS = ["case", "set", "patient", "study", "patient_key", "prompts"]


@dataclass(frozen=True)
class TrainingRecord:
    """One fold of a training; what is not there is empty.

    progress: see `training_curves.progress_table`.
    panels: picture by epoch.
    validation: columns case, organ, dice, true_voxels, predicted_voxels.
    cases: a row per case, CASE_COLUMNS; `prompts` is the set of organs in its prompt map, None where it has no map.
    """

    folder: Path
    dataset: str
    trainer: str
    plans_name: str
    configuration: str
    plans: dict[str, Any]
    organs: dict[int, str]
    config: dict[str, Any]
    progress: pd.DataFrame
    panels: dict[int, Path]
    validation: pd.DataFrame
    cases: pd.DataFrame

    @property
    def fold(self) -> str:
        return self.folder.name.removeprefix("fold_")

    @property
    def finished(self) -> bool:
        return (self.folder / "checkpoint_final.pth").is_file()

    @property
    def settings(self) -> dict[str, Any]:
        """The plans' settings of the configuration."""
        return PlansManager(self.plans).get_configuration(self.configuration).configuration


def read_training(folder: Path, prompt_generator: str | None = None) -> TrainingRecord:
    """Read what a training has left behind so far.

    Args:
        folder: nnU-Net's `results/Dataset/Trainer__Plans__Configuration/fold_X`.
        prompt_generator: trainer of the generator whose prompt maps the training uses; None: any.

    Raises:
        FileNotFoundError: it is no such folder.
    """
    folder = folder.resolve()
    model = folder.parent
    parts = model.name.split("__")
    if not folder.name.startswith("fold_") or len(parts) != 3 or not (model / "plans.json").is_file():
        raise FileNotFoundError(
            f"{folder} is no folder of a training. Give nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION/fold_X; "
            f"plans.json stands beside it as soon as the training has started."
        )
    plans, dataset_json = (_read_json(model / name) for name in ("plans.json", "dataset.json"))
    organs = organ_names(dataset_json)
    config_file, progress = folder / CONFIG_FILE, folder / f"{PROGRESS_NAME}.csv"
    return TrainingRecord(
        folder=folder,
        dataset=model.parent.name,
        trainer=parts[0],
        plans_name=parts[1],
        configuration=parts[2],
        plans=plans,
        organs=organs,
        config=yaml.safe_load(config_file.read_text(encoding="utf-8")) if config_file.is_file() else {},
        progress=pd.read_csv(progress) if progress.is_file() else pd.DataFrame({"epoch": []}),
        panels={int(path.stem.split("_")[1]): path for path in sorted((folder / PANEL_FOLDER).glob("epoch_*.png"))},
        validation=read_validation(folder / "validation" / "summary.json", organs),
        cases=read_cases(
            model.parent.name, prompt_generator, folder.name, PlansManager(plans).get_configuration(parts[2])
        ),
    )


def read_validation(path: Path, organs: dict[int, str]) -> pd.DataFrame:
    """Dice and voxels of every case and organ from nnU-Net's summary.json; empty where there is none."""
    summary = _read_json(path) or {"metric_per_case": []}
    rows = [
        (Path(case["prediction_file"]).name.split(".")[0], organ, m["Dice"], m["n_ref"], m["n_pred"])
        for case in summary["metric_per_case"]
        for organ, m in ((organ, case["metrics"].get(str(value))) for value, organ in organs.items())
        if m is not None
    ]
    return pd.DataFrame(rows, columns=["case", "organ", "dice", "true_voxels", "predicted_voxels"])


def read_cases(dataset: str, prompt_generator: str | None, fold_name: str, configuration_manager) -> pd.DataFrame:
    """Every case with its set and patient, as far as preprocessed and raw data set can be reached."""
    preprocessed = Path(nnUNet_preprocessed.get() or "") / dataset
    raw = Path(nnUNet_raw.get() or "") / dataset
    known = (_read_json(raw / RECORD_FILE) or {"cases": {}})["cases"]
    prompts = read_prompts(
        unlabeled_folder(preprocessed, configuration_manager.data_identifier), prompt_generator, fold_name
    )
    sets = {case: entry["set"] for case, entry in known.items()}
    sets |= dict.fromkeys(prompts, "unlabeled") | _split(preprocessed / "splits_final.json", fold_name)
    rows = []
    for case, set_name in sets.items():
        entry = known.get(case, {})
        rows.append((case, set_name, *(entry.get(key) for key in CASE_COLUMNS[2:5]), prompts.get(case)))
    return pd.DataFrame(rows, columns=CASE_COLUMNS).sort_values(["set", "case"], ignore_index=True)


def read_prompts(folder: Path, prompt_generator: str | None, fold_name: str) -> dict[str, set[int] | None]:
    """Label values in the prompt map of every preprocessed unlabeled case, None where it has no map yet."""
    maps = latest_prompt_maps(folder, prompt_generator, fold_name)
    cases = UnlabeledDataset.get_identifiers(folder)
    return {case: _organs_in(maps / f"{case}.npz") if maps else None for case in cases}


def _organs_in(places: Path) -> set[int] | None:
    if not places.is_file():
        return None
    with np.load(places) as content:
        return {int(label) for label in content.files if len(content[label])}


def _split(path: Path, fold_name: str) -> dict[str, str]:
    splits = _read_json(path)
    fold = fold_name.removeprefix("fold_")
    if not splits or not fold.isdigit() or int(fold) >= len(splits):
        return {}
    split = splits[int(fold)]
    return dict.fromkeys(split["train"], "labeled") | dict.fromkeys(split["val"], "val")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
