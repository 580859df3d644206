"""Data set of a split: `n_labeled` cases drawn by its seed, the rest of the pool unlabeled, always the same test cases."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import yaml

from benchmarks.study.split import CONFIGURATION, PLANS, Split

CHANNEL_FILES = ("CTres.nii.gz", "SUV.nii.gz")
LABEL_FILE = "SEG.nii.gz"
FOLDERS = {
    "train": ("imagesTr", "labelsTr"),
    "val": ("imagesTr", "labelsTr"),
    "test": ("imagesTs", "labelsTs"),
    "unlabeled": ("imagesUn", None),
}
"""nnU-Net's folders of images and labels for each kind of case."""
SPLIT_SEED = 0  # of test and validation cases, which are the same for every split


def make_dataset(split: Split, cohort: Path) -> None:
    """Raw data set, nnU-Net's preprocessing, and plans for the study's student; what is there already is kept.

    Raises:
        subprocess.CalledProcessError: nnU-Net could not plan or preprocess; its own message stands above.
    """
    plans_file = split.preprocessed / f"{PLANS}.json"
    done = split.preprocessed / "student_planned"
    if done.is_file():
        return
    (split.folder / "config.yaml").write_text(yaml.safe_dump(split.size.config()), encoding="utf-8")
    write_raw(split, cohort)
    command = f"nnUNetv2_plan_and_preprocess -d {split.dataset_id} -c {CONFIGURATION} -npfp 1 -np 1"
    subprocess.run(command.split(), env=split.environment(), check=True)
    fit_student(plans_file, split)
    done.touch()


def write_raw(split: Split, cohort: Path) -> None:
    """Links to the cohort's files, by nnU-Net's names; no label file of an unlabeled case."""
    members = draw_members(studies(cohort), split)
    for name in ("imagesTr", "labelsTr", "imagesUn", "imagesTs", "labelsTs"):
        (split.raw / name).mkdir(parents=True, exist_ok=True)
    for kind, (images, labels) in FOLDERS.items():
        for case, study in members[kind].items():
            for channel, file in enumerate(CHANNEL_FILES):
                _link(study / file, split.raw / images / f"{case}_{channel:04d}.nii.gz")
            if labels:
                _link(study / LABEL_FILE, split.raw / labels / f"{case}.nii.gz")
    _write_descriptions(split, cohort, members)


def studies(cohort: Path) -> list[Path]:
    """Folder of every patient's first study in a cohort, in order of the patients' names."""
    first_studies: dict[Path, Path] = {}
    for folder in sorted(file.parent for file in cohort.glob(f"*/*/{LABEL_FILE}")):
        first_studies.setdefault(folder.parent, folder)
    return list(first_studies.values())


def draw_members(folders: list[Path], split: Split) -> dict[str, dict[str, Path]]:
    """Studies by nnU-Net's case name, for train, val, test and unlabeled."""
    named = [(f"study_{index:03d}", folder) for index, folder in enumerate(folders)]
    n_val, n_test = split.size.n_val, split.size.n_test
    order = np.random.default_rng(SPLIT_SEED).permutation(len(named))
    test, val, pool = np.split(order, [n_test, n_test + n_val])
    pool = pool[: split.size.n_train]
    pool = np.random.default_rng([SPLIT_SEED, split.seed]).permutation(pool)  # the first 5 are among the first 10
    drawn = {"test": test, "val": val, "train": pool[: split.n_labeled], "unlabeled": pool[split.n_labeled :]}
    return {kind: dict(named[index] for index in sorted(indices)) for kind, indices in drawn.items()}


def unlabeled_truth(split: Split, cohort: Path) -> dict[str, Path]:
    """The hidden label map of every unlabeled case; for measuring pseudo labels, never for training."""
    return {name: study / LABEL_FILE for name, study in draw_members(studies(cohort), split)["unlabeled"].items()}


def fit_student(plans_file: Path, split: Split) -> None:
    """Patch of the teachers' size, batches of two, and few features: the same network for every experiment."""
    from nnunetv2_muduo.trainers.plans import fit_plans

    size = split.size
    plans = fit_plans(json.loads(plans_file.read_text(encoding="utf-8")), CONFIGURATION, size.image_size)
    configuration = plans["configurations"][CONFIGURATION]
    configuration["batch_size"] = 2
    kwargs = configuration["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [size.n_features * min(2**stage, 8) for stage in range(kwargs["n_stages"])]
    plans_file.write_text(json.dumps(plans, indent=1), encoding="utf-8")


def _write_descriptions(split: Split, cohort: Path, members: dict[str, dict[str, Path]]) -> None:
    dataset_json = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": json.loads((cohort / "labels.json").read_text(encoding="utf-8")),
        "numTraining": len(members["train"]) + len(members["val"]),
        "file_ending": ".nii.gz",
    }
    (split.raw / "dataset.json").write_text(json.dumps(dataset_json, indent=1), encoding="utf-8")
    split.preprocessed.mkdir(parents=True, exist_ok=True)
    folds = [{"train": list(members["train"]), "val": list(members["val"])}]
    (split.preprocessed / "splits_final.json").write_text(json.dumps(folds, indent=1), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    os.link(source, target)
