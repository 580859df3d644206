"""nnU-Net's raw and preprocessed data set for a number of labels; the labels are the first of the published list."""

import json
import os
import subprocess
from pathlib import Path

from benchmarks.left_atrium.size import Size
from benchmarks.own_commands import path_with_own_commands
from nnunetv2_muduo.storage import read_json, write_json

DATASET = "Dataset801_LeftAtrium"
CONFIGURATION, PLANS = "3d_fullres", "nnUNetPlans"
TEST, DEVELOPMENT = "Ts", "Dv"
"""Endings of the folders of cases that are measured: the published test cases, and training cases on which whatever is chosen is
chosen."""
N_DEVELOPMENT = 30
NAMES = {
    TEST: "20 test cases",
    DEVELOPMENT: f"The last {N_DEVELOPMENT} of the 80 training cases, whose labels teach nobody",
}


def environment(folder: Path, device: str, **more: str) -> dict[str, str]:
    """nnU-Net's three folders below `folder`; on a CPU loaders in the process itself, a thread each."""
    own = {f"nnUNet_{name}": str(folder / name) for name in ("raw", "preprocessed", "results")}
    alone = {"nnUNet_n_proc_DA": "0", "OMP_NUM_THREADS": "1"} if device == "cpu" else {}
    return {**os.environ, "PATH": path_with_own_commands(), **own, **alone, **more}


def make_dataset(data: Path, folder: Path, n_labels: int, size: Size) -> None:
    """Raw data set, preprocessing and plans of the small network; what is there already is kept."""
    done = folder / "planned"
    if done.is_file():
        return
    write_raw(data, folder / "raw" / DATASET, n_labels)
    command = f"nnUNetv2_plan_and_preprocess -d 801 -c {CONFIGURATION} -npfp 1 -np 1"
    subprocess.run(command.split(), env=environment(folder, "cpu", nnUNet_n_proc_DA="1"), check=True)
    shrink_plans(folder / "preprocessed" / DATASET / f"{PLANS}.json", size)
    done.touch()


def write_raw(data: Path, raw: Path, n_labels: int) -> None:
    """Links by nnU-Net's names; no training reads a label of an unlabeled case.

    Raises:
        FileNotFoundError: DATA lacks a case of its lists.
    """
    names = {part: (data / f"{part}.txt").read_text(encoding="utf-8").split() for part in ("train", "test")}
    groups = {
        "Tr": [("train", name) for name in names["train"][:n_labels]],
        "Un": [("train", name) for name in names["train"][n_labels:]],
        TEST: [("test", name) for name in names["test"]],
        DEVELOPMENT: [("train", name) for name in names["train"][-N_DEVELOPMENT:]],
    }
    for ending, cases in groups.items():
        for part, name in cases:
            _link(data / part / f"{name}_image.nii.gz", raw / f"images{ending}" / f"{name}_0000.nii.gz")
            if ending != "Un":
                _link(data / part / f"{name}_label.nii.gz", raw / f"labels{ending}" / f"{name}.nii.gz")
    description = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "left atrium": 1},
        "numTraining": n_labels,
        "file_ending": ".nii.gz",
    }
    write_json(description, raw / "dataset.json")


def _link(source: Path, target: Path) -> None:
    if not source.is_file():
        raise FileNotFoundError(f"{source} is missing.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())


def shrink_plans(plans_file: Path, size: Size) -> None:
    """Patch, features, depth and batch of the plans as `size` says."""
    plans = read_json(plans_file)
    configuration = plans["configurations"][CONFIGURATION]
    configuration |= {"patch_size": list(size.patch_size), "batch_size": size.batch_size}
    n = size.n_stages
    kwargs = configuration["architecture"]["arch_kwargs"]
    kwargs |= {
        "n_stages": n,
        "features_per_stage": [size.n_features * 2**stage for stage in range(n)],
        "kernel_sizes": [[3, 3, 3]] * n,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (n - 1),
        "n_conv_per_stage": [2] * n,
        "n_conv_per_stage_decoder": [2] * (n - 1),
    }
    plans_file.write_text(json.dumps(plans, indent=1), encoding="utf-8")
