"""One experiment of the study in a process of its own: train, predict the test cases, measure. See `label_efficiency`."""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.logging.nnunet_logger import MetaLogger

import nnunetv2_muduo.trainers as trainers
from benchmarks.study.datasets import unlabeled_truth
from benchmarks.study.experiments import EXPERIMENTS, MUDUO, PET_ONLY, SUPERVISED, Experiment
from benchmarks.study.pseudo_label_quality import ObservedTraining
from benchmarks.study.split import CONFIGURATION, FOLD, PLANS, Split
from benchmarks.study.study_size import StudySize
from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.data.batched_predictor import BatchedPredictor
from nnunetv2_muduo.data.generator_folders import generator_folder
from nnunetv2_muduo.evaluation.cases import read_label_names
from nnunetv2_muduo.evaluation.table import Settings, measure_methods
from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.tables import csv_table
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer
from nnunetv2_muduo.trainers.preparations import Training
from nnunetv2_muduo.trainers.prepare import prepare

TILE_STEP = 0.75  # of the sliding window, for every experiment: half the tiles of nnU-Net's own 0.5


def main() -> None:
    args = json.loads(_parse().arguments)
    split = Split(Path(args["folder"]), StudySize(**args["size"]), args["n_labeled"], args["seed"])
    experiment, device = EXPERIMENTS[args["experiment"]], torch.device(args["device"])
    # Drawn after every epoch, it takes a tenth of the time of such short ones, and nnU-Net has no switch for it.
    MetaLogger.plot_progress_png = lambda *_: None
    # Of every trainer in this process: the preparation finds the prompt generator's by its name.
    FaultTolerantTrainer.autocast_dtype = fast_dtype(device)
    if experiment == PET_ONLY:
        trainer, rows = prepare_split(split, device), []
    else:
        trainer, rows = train(split, experiment, device, Path(args["cohort"]))
    predictions = split.folder / "predictions" / split.result_file(experiment.name).stem
    predict(trainer, split.raw / "imagesTs", predictions)
    write_results(split, experiment, predictions, rows)


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """bfloat16 on CPUs that have it, where convolutions take little more than half the time; else nnU-Net's own choice."""
    has_bfloat16 = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16")
    return torch.bfloat16 if has_bfloat16 else None


def make_trainer(split: Split, experiment: Experiment, device: torch.device, *mixins: type):
    """The experiment's trainer with its seed; one with overrides is named after the experiment."""
    _seed_all(split.seed)
    plans = _read(split.preprocessed / f"{PLANS}.json")
    dataset_json = _read(split.preprocessed / "dataset.json")
    name = f"{experiment.trainer}_{experiment.name.replace('.', 'p')}" if experiment.overrides else experiment.trainer
    bases = (*mixins, getattr(trainers, experiment.trainer))
    trainer_class = type(name, bases, {"config_overrides": experiment.overrides} if experiment.overrides else {})
    return trainer_class({**plans, "continue_training": False}, CONFIGURATION, FOLD, dataset_json, device)


def prepare_split(split: Split, device: torch.device):
    """What all experiments of a split share: unlabeled cases, prompt generator and its maps, and their first network.

    Returns:
        The prompt generator's trainer, trained: the supervised student on PET alone.
    """
    generator = make_trainer(split, PET_ONLY, device)
    _seed_all(split.seed)
    predictor = None
    if device.type == "cpu":
        predictor = BatchedPredictor(
            use_mirroring=False, device=device, allow_tqdm=False, autocast_dtype=generator.autocast_dtype
        )
    prepare(Training(split.dataset, CONFIGURATION, str(FOLD), PLANS, MUDUO.trainer, device), 1, predictor=predictor)
    generator.initialize()
    generator.load_checkpoint(str(generator_folder(Path(generator.output_folder), generator.identity) / FINAL))
    train_shared_network(split, device)
    return generator


def train_shared_network(split: Split, device: torch.device) -> None:
    """What all experiments with both channels have in common: supervised training, once for each split."""
    file, n_epochs = split.shared_network, split.size.n_shared_epochs
    if file.is_file() or n_epochs == 0:
        return
    shared = Experiment("shared", "", SUPERVISED.trainer, {"num_epochs": n_epochs})
    trainer = make_trainer(split, shared, device)
    trainer.run_training()
    file.parent.mkdir(exist_ok=True)
    with replacing(file) as part:
        torch.save(trainer.network.state_dict(), part)


def train(split: Split, experiment: Experiment, device: torch.device, cohort: Path):
    """The experiment's trainer, trained, and of MuDuo its pseudo labels' figures: a row per epoch, patch and organ."""
    if experiment != MUDUO:
        trainer = make_trainer(split, experiment, device)
        run_from_shared_network(trainer, split)
        return trainer, []
    trainer = make_trainer(split, experiment, device, ObservedTraining)
    trainer.truth_files = unlabeled_truth(split, cohort)
    run_from_shared_network(trainer, split)
    return trainer, trainer.pseudo_label_rows


def run_from_shared_network(trainer, split: Split) -> None:
    """A training from the shared weights: as `nnUNetv2_train -pretrained_weights`, and the last layers as well."""
    if split.size.n_shared_epochs:
        trainer.initialize()
        weights = torch.load(split.shared_network, map_location=trainer.device, weights_only=True)
        trainer.network.load_state_dict(weights)
    trainer.run_training()


def predict(trainer, images: Path, folder: Path) -> None:
    """Label maps of all cases of a folder, by nnU-Net's predictor."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"tile_step_size": TILE_STEP, "use_mirroring": False, "device": trainer.device}
    if trainer.device.type == "cuda":
        predictor = nnUNetPredictor(**options)
    else:
        predictor = BatchedPredictor(**options, autocast_dtype=trainer.autocast_dtype)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor.manual_initialization(
        trainer.network, trainer.plans_manager, trainer.configuration_manager, [trainer.network.state_dict()],
        trainer.dataset_json, type(trainer).__name__, None,
    )  # fmt: skip
    predictor.predict_from_files_sequential(str(images), str(folder))


def write_results(split: Split, experiment: Experiment, predictions: Path, pseudo_label_rows: list[dict]) -> None:
    """The experiment's tables, written beside and renamed: a table that is there is whole."""
    labels = read_label_names(split.raw / "dataset.json")
    table, _ = measure_methods({experiment.name: predictions}, split.raw / "labelsTs", None, Settings(labels))
    if pseudo_label_rows:
        keys = {"method": experiment.name, "n_labeled": split.n_labeled, "seed": split.seed}
        _write(pd.DataFrame(pseudo_label_rows).assign(**keys), split.result_file(experiment.name, "pseudo_labels"))
    # Last, since the measures say that the experiment is done.
    _write(table.assign(n_labeled=split.n_labeled, seed=split.seed), split.result_file(experiment.name))


def _write(table: pd.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as part:
        csv_table(table).to_csv(part, index=False)


def _seed_all(seed: int) -> None:
    for seed_one in (random.seed, np.random.seed, torch.manual_seed):
        seed_one(seed)


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", help="JSON of a split, an experiment, the cohort and the device")
    return parser.parse_args()


if __name__ == "__main__":
    main()
