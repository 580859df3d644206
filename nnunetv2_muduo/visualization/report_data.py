"""Record of a training for its report, read from the folder of its fold and the data set's folders."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.config import CONFIG_FILE, PANEL_FOLDER, PROGRESS_NAME, MuDuoConfig
from nnunetv2_muduo.conversion.record import RECORD_FILE, recorded_cases
from nnunetv2_muduo.data.prompt_maps import prompt_maps_of
from nnunetv2_muduo.data.unlabeled import unlabeled_folder
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.tables import from_csv
from nnunetv2_muduo.user_files import (
    expecting_fields,
    read_dataset_json,
    read_splits,
    read_user_json,
    read_user_yaml,
)

ANY_GENERATOR = "*"
PATIENT = ["patient", "study", "patient_key"]
CASE_COLUMNS = ["case", "set", *PATIENT, "prompts"]
_NEEDED_SETTINGS = ("data_identifier", "patch_size", "spacing")
_NEEDED_CURVES = ["epoch", "seconds", "ema_pseudo_dice"]


@dataclass(frozen=True)
class Method:
    """What a report has to know of a training's method; the defaults are for a method that is not known.

    prompt_generator: trainer of the generator whose prompt maps the method uses, or ANY_GENERATOR; None: it uses none.
    needs_teachers: whether teachers teach it.
    config_defaults: default of every field of its config.
    """

    prompt_generator: str | None = ANY_GENERATOR
    needs_teachers: bool = True
    config_defaults: dict[str, Any] = field(default_factory=lambda: MuDuoConfig().to_dict())


@dataclass(frozen=True)
class TrainingRecord:
    """One fold of a training; what is not there is empty.

    progress: see `training_curves.progress_table`.
    panels: picture by epoch.
    validation: columns case, organ, dice, true_voxels, predicted_voxels.
    cases: a row per case and set that it is in, CASE_COLUMNS; `prompts` is the set of organs in its prompt map, None where it
        has no map.
    """

    folder: Path
    method: Method
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


def read_training(folder: Path, method: Method | None = None) -> TrainingRecord:
    """Read what a training has left behind so far.

    Args:
        folder: nnU-Net's `results/Dataset/Trainer__Plans__Configuration/fold_X`.

    Raises:
        FileNotFoundError: it is no such folder.
        ValueError: one of its files, or of the data set's, is no JSON, YAML or CSV, or has another shape than expected; it is
            named.
    """
    folder, method = folder.resolve(), method or Method()
    model = folder.parent
    plans = _require_plans(folder)
    trainer, plans_name, configuration = model.name.split("__")
    organs = organ_names(read_dataset_json(model / "dataset.json", "labels"))
    config_file = folder / CONFIG_FILE
    with expecting_fields(model / "plans.json"):
        settings = PlansManager(plans).get_configuration(configuration).configuration
        identifier, *_ = (settings[name] for name in _NEEDED_SETTINGS)
    return TrainingRecord(
        folder=folder,
        method=method,
        dataset=model.parent.name,
        trainer=trainer,
        plans_name=plans_name,
        configuration=configuration,
        plans=plans,
        organs=organs,
        config=read_user_yaml(config_file) if config_file.is_file() else {},
        progress=read_progress(folder / f"{PROGRESS_NAME}.csv"),
        panels={int(path.stem.split("_")[1]): path for path in sorted((folder / PANEL_FOLDER).glob("epoch_*.png"))},
        validation=read_validation(folder / "validation" / "summary.json", organs),
        cases=read_cases(folder, identifier, method.prompt_generator),
    )


def _require_plans(folder: Path) -> dict[str, Any]:
    model = folder.parent
    plans_file = model / "plans.json"
    if not folder.name.startswith("fold_") or model.name.count("__") != 2 or not plans_file.is_file():
        raise FileNotFoundError(
            f"{folder} is no folder of a training. Give nnUNet_results/DATASET/TRAINER__PLANS__CONFIGURATION/fold_X; "
            f"plans.json stands beside it as soon as the training has started."
        )
    return read_user_json(plans_file, {"configurations": dict})


def read_progress(path: Path) -> pd.DataFrame:
    """The training's curves, a row per epoch, none where there is no file. Raises ValueError for another table."""
    if not path.is_file():
        return pd.DataFrame({"epoch": []})
    try:
        table = from_csv(pd.read_csv(path))
        table[_NEEDED_CURVES if len(table) else []].astype(float)
    except (ValueError, KeyError) as error:  # of pandas, which doesn't name the file
        raise ValueError(f"{path} is no table of a training's curves ({error}). Remove the file.") from error
    return table


def read_validation(path: Path, organs: dict[int, str]) -> pd.DataFrame:
    """Dice and voxels of every case and organ from nnU-Net's summary.json; empty where there is none."""
    summary = read_json(path) or {"metric_per_case": []}  # None while nnU-Net writes it
    with expecting_fields(path):
        rows = [
            (Path(case["prediction_file"]).name.split(".")[0], organ, m["Dice"], m["n_ref"], m["n_pred"])
            for case in summary["metric_per_case"]
            for organ, m in ((organ, case["metrics"].get(str(value))) for value, organ in organs.items())
            if m is not None
        ]
    return pd.DataFrame(rows, columns=["case", "organ", "dice", "true_voxels", "predicted_voxels"])


def read_cases(training: Path, data_identifier: str, prompt_generator: str | None) -> pd.DataFrame:
    """Every case with its set and patient, as far as preprocessed and raw data set can be reached.

    Args:
        training: folder of its fold.
        data_identifier: name of the folder of preprocessed labeled cases.
        prompt_generator: see `Method`.
    """
    dataset = training.parent.parent.name
    preprocessed = Path(nnUNet_preprocessed.get() or "") / dataset
    known = _known_cases(Path(nnUNet_raw.get() or "") / dataset)
    prompts = read_prompts(training, unlabeled_folder(preprocessed, data_identifier), prompt_generator)
    used = {"unlabeled": set(prompts), **_split(preprocessed / "splits_final.json", training.name)}
    of_training = {
        case: [name for name, cases in used.items() if case in cases] for cases in used.values() for case in cases
    }
    rows = []
    for case, sets in ({case: [entry["set"]] for case, entry in known.items()} | of_training).items():
        entry = known.get(case, {})
        row = (*(entry.get(key) for key in PATIENT), prompts.get(case))
        rows += [(case, set_name, *row) for set_name in sets]
    return pd.DataFrame(rows, columns=CASE_COLUMNS).sort_values(["set", "case"], ignore_index=True)


def _known_cases(dataset: Path) -> dict[str, dict[str, Any]]:
    """Set and patient of every case by the conversion's record; none where the data set was not converted by this package."""
    known = recorded_cases(dataset).items()
    with expecting_fields(dataset / RECORD_FILE):
        return {case: {"set": entry["set"], **{key: entry.get(key) for key in PATIENT}} for case, entry in known}


def read_prompts(training: Path, folder: Path, prompt_generator: str | None) -> dict[str, set[int] | None]:
    """Label values in the prompt map of every preprocessed unlabeled case, None where it has no map."""
    maps = prompt_maps_of(training, folder, prompt_generator) if prompt_generator else None
    cases = UnlabeledDataset.get_identifiers(folder)
    return {case: _organs_in(maps / f"{case}.npz") if maps else None for case in cases}


def _organs_in(places: Path) -> set[int] | None:
    if not places.is_file():
        return None
    with np.load(places) as content:
        return {int(label) for label in content.files if len(content[label])}


def _split(path: Path, fold_name: str) -> dict[str, set[str]]:
    splits = read_splits(path) if path.is_file() else []
    fold = fold_name.removeprefix("fold_")
    if not fold.isdigit() or int(fold) >= len(splits):
        return {}
    return {"labeled": set(splits[int(fold)]["train"]), "val": set(splits[int(fold)]["val"])}
