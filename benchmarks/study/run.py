"""One row of the study in a process of its own: train, predict the test cases, measure. See `label_efficiency`."""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from nnunetv2.training.logging.nnunet_logger import MetaLogger

from benchmarks.study.batched_predictor import BatchedPredictor
from benchmarks.study.bfloat16 import compute_in_bfloat16
from benchmarks.study.pseudo_label_quality import observe
from benchmarks.study.rows import MUDUO, PET_ONLY, ROWS, SUPERVISED, Row
from benchmarks.study.scale import CONFIGURATION, FOLD, PLANS, Scale, Setting

TILE_STEP = 0.75  # of the sliding window, for every row: half the tiles of nnU-Net's own 0.5


def main() -> None:
    args = json.loads(_parse().arguments)
    scale = Scale(**args["scale"])
    setting = Setting(Path(args["folder"]), scale, args["n_labeled"], args["seed"])
    MetaLogger.plot_progress_png = lambda *_: None  # a tenth of the time of such short epochs
    row, device, cohort = ROWS[args["row"]], torch.device(args["device"]), Path(args["cohort"])
    if device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16"):
        compute_in_bfloat16()
    trainer = make_trainer(setting, row, device)
    quality = []
    if row == PET_ONLY:
        prepare(setting, device)
        trainer.initialize()
        trainer.load_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
        train_shared_network(setting, device)
    else:
        start_from_shared_network(trainer, setting)
        if row == MUDUO:
            quality = observe(trainer, setting, cohort)
        trainer.run_training()
    predictions = predict(trainer, setting, setting.folder / "predictions" / setting.result_file(row.name).stem)
    write_results(setting, row, predictions, quality)


def make_trainer(setting: Setting, row: Row, device: torch.device):
    """The row's trainer, named after the row, with its seed."""
    import nnunetv2_muduo.trainers as ours

    _seed_all(setting.seed)
    plans = _read(setting.preprocessed / f"{PLANS}.json")
    dataset_json = _read(setting.preprocessed / "dataset.json")
    arguments = ({**plans, "continue_training": False}, CONFIGURATION, FOLD, dataset_json, device)
    base = getattr(ours, row.trainer)
    if not row.overrides:
        return base(*arguments)
    named = type(f"{row.trainer}_{row.name.replace('.', 'p')}", (base,), {"config_overrides": row.overrides})
    return named(*arguments)


def prepare(setting: Setting, device: torch.device) -> None:
    """The prompt generator, its prompt maps and the preprocessed unlabeled cases, which all rows of a setting share."""
    from nnunetv2_muduo.trainers import prepare as preparation

    _seed_all(setting.seed)
    if device.type == "cpu":
        preparation.nnUNetPredictor = BatchedPredictor  # this process's alone; the package keeps nnU-Net's
    training = preparation.Training(setting.dataset, CONFIGURATION, str(FOLD), PLANS, "nnUNetTrainerMuDuo", device)
    preparation.prepare(training, n_processes=1)


def train_shared_network(setting: Setting, device: torch.device) -> None:
    """What all rows with both channels have in common: supervised training, once for each setting."""
    file, n_epochs = setting.shared_network, setting.scale.n_shared_epochs
    if file.is_file() or n_epochs == 0:
        return
    shared = Row("shared", "", SUPERVISED.trainer, {"num_epochs": n_epochs})
    trainer = make_trainer(setting, shared, device)
    trainer.run_training()
    file.parent.mkdir(exist_ok=True)
    torch.save(trainer.network.state_dict(), file.with_suffix(".part"))
    file.with_suffix(".part").rename(file)


def start_from_shared_network(trainer, setting: Setting) -> None:
    """As `nnUNetv2_train -pretrained_weights` does, and the last layers as well."""
    if setting.scale.n_shared_epochs:
        trainer.initialize()
        weights = torch.load(setting.shared_network, map_location=trainer.device, weights_only=True)
        trainer.network.load_state_dict(weights)


def predict(trainer, setting: Setting, folder: Path) -> Path:
    """Label maps of all test cases, by nnU-Net's predictor."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    folder.mkdir(parents=True, exist_ok=True)
    on_gpu = trainer.device.type == "cuda"
    kind = nnUNetPredictor if on_gpu else BatchedPredictor
    predictor = kind(TILE_STEP, use_mirroring=False, perform_everything_on_device=on_gpu, device=trainer.device)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor.manual_initialization(
        trainer.network, trainer.plans_manager, trainer.configuration_manager, None, trainer.dataset_json,
        type(trainer).__name__, None,
    )  # fmt: skip
    predictor.list_of_parameters = [trainer.network.state_dict()]
    predictor.predict_from_files_sequential(str(setting.raw / "imagesTs"), str(folder))
    return folder


def write_results(setting: Setting, row: Row, predictions: Path, quality: list[dict]) -> None:
    """The row's tables, written beside and renamed: a table that is there is whole."""
    import pandas as pd

    from nnunetv2_muduo.evaluation.cases import read_label_names
    from nnunetv2_muduo.evaluation.table import Settings, measure_methods

    labels = read_label_names(setting.raw / "dataset.json")
    table, _ = measure_methods({row.name: predictions}, setting.raw / "labelsTs", None, Settings(labels))
    tables = {"measures": table.assign(n_labeled=setting.n_labeled, seed=setting.seed)}
    if quality:
        keys = {"method": row.name, "n_labeled": setting.n_labeled, "seed": setting.seed}
        tables["pseudo_labels"] = pd.DataFrame(quality).assign(**keys)
    for kind in sorted(tables, reverse=True):  # the measures last: they say that the row is done
        file = setting.result_file(row.name, kind)
        file.parent.mkdir(parents=True, exist_ok=True)
        tables[kind].to_csv(file.with_suffix(".part"), index=False)
        file.with_suffix(".part").rename(file)


def _seed_all(seed: int) -> None:
    for seed_one in (random.seed, np.random.seed, torch.manual_seed):
        seed_one(seed)


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", help="JSON of a setting, row, cohort and device")
    return parser.parse_args()


if __name__ == "__main__":
    main()
