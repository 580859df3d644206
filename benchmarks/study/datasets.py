"""Data set of a split: a group's cases, some of them with labels, and plans for the study's student."""

import json
import os
import subprocess
from pathlib import Path

from benchmarks.study.patients import draw_members
from benchmarks.study.split import CONFIGURATION, PLANS, Split
from nnunetv2_muduo.claims import claimed
from nnunetv2_muduo.storage import write_json

CHANNEL_FILES = ("CTres.nii.gz", "SUV.nii.gz")
LABEL_FILE = "SEG.nii.gz"
FOLDERS = {
    "train": ("imagesTr", "labelsTr"),
    "val": ("imagesTr", "labelsTr"),
    "test": ("imagesTs", "labelsTs"),
    "unlabeled": ("imagesUn", None),
}
"""nnU-Net's folders of images and labels for each kind of case."""


def make_dataset(split: Split, studies: list[Path], environment: dict[str, str]) -> None:
    """Raw data set, nnU-Net's preprocessing, and the student's plans; what is there already is kept.

    Args:
        studies: folders of the group's studies, in the drawn order.

    Raises:
        subprocess.CalledProcessError: nnU-Net could not plan or preprocess; its own message stands above.
    """
    done = split.own_folder / "data_set_is_made"
    split.own_folder.mkdir(parents=True, exist_ok=True)
    with claimed(done.with_suffix(".lock"), "makes the data set"):
        if done.is_file():
            return
        write_raw(split, studies)
        spacing = " ".join([f"{split.size.spacing_mm:g}"] * 3)
        command = (
            f"nnUNetv2_plan_and_preprocess -d {split.dataset_id} -c {CONFIGURATION} -npfp 1 -np 1 "
            f"-overwrite_target_spacing {spacing}"
        )
        # nnU-Net's planner takes as many threads, of which there must be one.
        subprocess.run(command.split(), env={**environment, "nnUNet_n_proc_DA": "1"}, check=True)
        fit_student(split.preprocessed / f"{PLANS}.json", split)
        done.touch()


def write_raw(split: Split, studies: list[Path]) -> None:
    """Links to the studies' files, by nnU-Net's names; no label file of an unlabeled case."""
    members = draw_members(studies, split.group, split.n_labeled, split.seed)
    for name in ("imagesTr", "labelsTr", "imagesUn", "imagesTs", "labelsTs"):
        (split.raw / name).mkdir(parents=True, exist_ok=True)
    for kind, (images, labels) in FOLDERS.items():
        for case, study in members[kind].items():
            for channel, file in enumerate(CHANNEL_FILES):
                _link(study / file, split.raw / images / f"{case}_{channel:04d}.nii.gz")
            if labels:
                _link(study / LABEL_FILE, split.raw / labels / f"{case}.nii.gz")
    split.own_folder.mkdir(parents=True, exist_ok=True)
    write_json({k: {case: str(study) for case, study in of.items()} for k, of in members.items()}, split.members_file)
    _write_descriptions(split, studies[0].parents[1], members)


def fit_student(plans_file: Path, split: Split) -> None:
    """Patch of the teachers' size, batches of two, and few features: the same network for every row."""
    from nnunetv2_muduo.trainers.plans import fit_plans

    size = split.size
    plans = fit_plans(json.loads(plans_file.read_text(encoding="utf-8")), CONFIGURATION, (size.image_size,) * 3)
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
    write_json(dataset_json, split.raw / "dataset.json")
    split.preprocessed.mkdir(parents=True, exist_ok=True)
    write_json(
        [{"train": list(members["train"]), "val": list(members["val"])}], split.preprocessed / "splits_final.json"
    )


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    os.link(source, target)
