"""The data set of a setting: `n_labeled` cases drawn by its seed, the rest of the pool unlabeled, always the same test cases."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import yaml

from benchmarks.study.scale import CONFIGURATION, PLANS, Setting

CHANNEL_FILES = ("CTres.nii.gz", "SUV.nii.gz")
LABEL_FILE = "SEG.nii.gz"
SPLIT_SEED = 0  # of test and validation cases, which are the same for every setting


def make_dataset(setting: Setting, cohort: Path) -> None:
    """Raw data set, nnU-Net's preprocessing, and plans for the study's student; what is there already is kept."""
    plans_file = setting.preprocessed / f"{PLANS}.json"
    done = setting.preprocessed / "student_planned"
    if done.is_file():
        return
    (setting.folder / "config.yaml").write_text(yaml.safe_dump(setting.scale.config()), encoding="utf-8")
    write_raw(setting, cohort)
    plan = f"nnUNetv2_plan_and_preprocess -d {setting.dataset_id} -c {CONFIGURATION} -npfp 1 -np 1"
    subprocess.run(plan.split(), env=setting.environment(), check=True)
    fit_student(plans_file, setting)
    done.touch()


def write_raw(setting: Setting, cohort: Path) -> None:
    """Links to the cohort's files, by nnU-Net's names; no label file of an unlabeled case."""
    members = draw_members(studies(cohort), setting)
    for name in ("imagesTr", "labelsTr", "imagesUn", "imagesTs", "labelsTs"):
        (setting.raw / name).mkdir(parents=True, exist_ok=True)
    for kind, images, labels in (
        ("train", "imagesTr", "labelsTr"),
        ("val", "imagesTr", "labelsTr"),
        ("test", "imagesTs", "labelsTs"),
        ("unlabeled", "imagesUn", None),
    ):
        for name, study in members[kind].items():
            for channel, file in enumerate(CHANNEL_FILES):
                _link(study / file, setting.raw / images / f"{name}_{channel:04d}.nii.gz")
            if labels:
                _link(study / LABEL_FILE, setting.raw / labels / f"{name}.nii.gz")
    _write_descriptions(setting, cohort, members)


def studies(cohort: Path) -> list[Path]:
    """Folder of one study, the first, of every patient of a cohort, in order of their names."""
    folders = sorted(file.parent for file in cohort.glob(f"*/*/{LABEL_FILE}"))
    return list({folder.parent: folder for folder in reversed(folders)}.values())[::-1]


def draw_members(folders: list[Path], setting: Setting) -> dict[str, dict[str, Path]]:
    """Studies by nnU-Net's case name, for train, val, test and unlabeled."""
    named = [(f"study_{index:03d}", folder) for index, folder in enumerate(folders)]
    n_val, n_test = setting.scale.n_val, setting.scale.n_test
    order = np.random.default_rng(SPLIT_SEED).permutation(len(named))
    test, val, pool = np.split(order, [n_test, n_test + n_val])
    pool = pool[: setting.scale.n_train]
    pool = np.random.default_rng([SPLIT_SEED, setting.seed]).permutation(pool)  # the first 5 are among the first 10
    drawn = {"test": test, "val": val, "train": pool[: setting.n_labeled], "unlabeled": pool[setting.n_labeled :]}
    return {kind: dict(named[index] for index in sorted(indices)) for kind, indices in drawn.items()}


def unlabeled_truth(setting: Setting, cohort: Path) -> dict[str, Path]:
    """The hidden label map of every unlabeled case; for measuring pseudo labels, never for training."""
    return {name: study / LABEL_FILE for name, study in draw_members(studies(cohort), setting)["unlabeled"].items()}


def fit_student(plans_file: Path, setting: Setting) -> None:
    """Patch of the teachers' size, batches of two, and few features: the same network for every row."""
    from nnunetv2_muduo.trainers.plans import fit_plans

    scale = setting.scale
    plans = fit_plans(json.loads(plans_file.read_text(encoding="utf-8")), CONFIGURATION, scale.image_size)
    configuration = plans["configurations"][CONFIGURATION]
    configuration["batch_size"] = 2
    kwargs = configuration["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [scale.n_features * min(2**stage, 8) for stage in range(kwargs["n_stages"])]
    plans_file.write_text(json.dumps(plans, indent=1), encoding="utf-8")


def _write_descriptions(setting: Setting, cohort: Path, members: dict[str, dict[str, Path]]) -> None:
    dataset_json = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": json.loads((cohort / "labels.json").read_text(encoding="utf-8")),
        "numTraining": len(members["train"]) + len(members["val"]),
        "file_ending": ".nii.gz",
    }
    (setting.raw / "dataset.json").write_text(json.dumps(dataset_json, indent=1), encoding="utf-8")
    setting.preprocessed.mkdir(parents=True, exist_ok=True)
    split = [{"train": list(members["train"]), "val": list(members["val"])}]
    (setting.preprocessed / "splits_final.json").write_text(json.dumps(split, indent=1), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    os.link(source, target)
