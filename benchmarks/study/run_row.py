"""One row of the study in a process of its own: make its data set, train, predict the test cases, measure."""

import argparse
import json
import os
from pathlib import Path

import torch
from nnunetv2.training.logging.nnunet_logger import MetaLogger

from benchmarks.precision import fast_dtype
from benchmarks.study import results
from benchmarks.study.datasets import make_dataset
from benchmarks.study.patients import TEACHERS, Group
from benchmarks.study.prediction import average, predict
from benchmarks.study.rows import BY_NAME, Row
from benchmarks.study.split import Split
from benchmarks.study.study_size import StudySize
from benchmarks.study.training import train
from nnunetv2_muduo.evaluation.cases import read_label_names
from nnunetv2_muduo.evaluation.table import Settings, measure_methods
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", help="JSON of what `runner` wants done")
    args = json.loads(parser.parse_args().arguments)
    row, device = Row(**args["row"]), torch.device(args["device"])
    split = made_split(args)
    # Drawn after every epoch, it takes a tenth of the time of such short ones, and nnU-Net has no switch for it.
    MetaLogger.plot_progress_png = lambda *_: None
    # Of every trainer in this process: the preparation finds generators by their names.
    FaultTolerantTrainer.autocast_dtype = fast_dtype(device)
    predictions = split.own_folder / "predicted" / row.name
    entries = (run_ensemble if row.ensemble_of else run_training)(split, row, device, predictions)
    labels = read_label_names(split.raw / "dataset.json")
    table, _ = measure_methods({row.name: predictions}, split.raw / "labelsTs", None, Settings(labels))
    keys = {"row": row.name, "title": row.title, "labels": args["labels"], "seed": split.seed}
    entries["settings"] = results.settings_of(split.group, split.size, row)  # of an ensemble too
    results.write_result({**keys, **entries, **results.measured_cases(table)}, Path(args["result"]))


def made_split(args: dict) -> Split:
    """The row's split, with its data set; where it starts with the teachers' patients, theirs too."""
    folder, size, seed, of_teachers = Path(args["folder"]), StudySize(**args["size"]), args["seed"], None
    if theirs := [Path(study) for study in args["studies_of_teachers"]]:
        of_teachers = Split(folder, TEACHERS, size, len(theirs) - TEACHERS.n_val, seed)
        make_dataset(of_teachers, theirs, dict(os.environ))
    split = Split(folder, Group(**args["group"]), size, args["n_labeled"], seed, of_teachers)
    make_dataset(split, [Path(study) for study in args["studies"]], dict(os.environ))
    return split


def run_training(split: Split, row: Row, device: torch.device, predictions: Path) -> dict:
    """Train a row and predict; the entries of its result."""
    trained = train(split, row, device)
    predict(trained.trainer, split.raw / "imagesTs", predictions)
    return trained.entries


def run_ensemble(split: Split, row: Row, device: torch.device, predictions: Path) -> dict:
    """Predict by the mean of some rows' probabilities; networks that these rows have left are taken."""
    entries, folders = [], []
    for name in row.ensemble_of:
        trained = train(split, BY_NAME[name], device)
        folders.append(predictions.with_name(f"{row.name}_{name}"))
        predict(trained.trainer, split.raw / "imagesTs", folders[-1], with_probabilities=True)
        entries.append(trained.entries)
    average(folders, predictions)
    costs = ("steps", "seconds", "tflop", "steps_before", "seconds_before", "tflop_before")
    configs = {name: each["config"] for name, each in zip(row.ensemble_of, entries, strict=True)}
    return {**{cost: sum(each[cost] for each in entries) for cost in costs}, "config": configs}


if __name__ == "__main__":
    main()
