"""One row: train with nnU-Net's command, predict the test cases with the stock command, measure them."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch
import yaml

from benchmarks.left_atrium.dataset import CONFIGURATION, DATASET, PLANS, environment
from benchmarks.left_atrium.size import Size, trainer_name
from benchmarks.precision import fast_dtype
from nnunetv2_muduo.evaluation.metrics import DEFAULT_TOLERANCES, dice, measure_distances
from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.imageio.images import read_image, read_labels
from nnunetv2_muduo.storage import read_json, write_json
from nnunetv2_muduo.teacher_training.train2d.training import HISTORY


def result_file(out: Path, n_labels: int, method: str, seed: int) -> Path:
    """Where a row's measures are, once it is done."""
    return out / f"labels_{n_labels}" / f"{method}_seed{seed}.json"


def is_done(file: Path, size: Size) -> bool:
    """Whether a row has been measured, with trainings of this size."""
    return file.is_file() and read_json(file)["size"] == described(size)


def described(size: Size) -> dict:
    """A size as it stands in results."""
    return json.loads(json.dumps(asdict(size)))


def run_row(folder: Path, method: str, seed: int, size: Size, cases: str, measured: Path, device: str) -> None:
    """Train, predict and measure what is not done yet.

    Args:
        folder: where data set and models of this number of labels are. cases: `TEST` or `DEVELOPMENT`. measured: file of the
            result. device: "cpu" or "cuda".

    Raises:
        subprocess.CalledProcessError: a command failed; its output is in `folder/logs`.
    """
    results = folder / "results" / f"{method}_seed{seed}"
    results.mkdir(parents=True, exist_ok=True)
    config = results / "config.yaml"
    config.write_text(yaml.safe_dump(size.config(method, seed)), encoding="utf-8")
    own = environment(folder, device, nnUNet_results=str(results), nnUNet_muduo_config=str(config))
    log = folder / "logs" / f"{method}_seed{seed}.txt"
    log.parent.mkdir(exist_ok=True)
    model = results / DATASET / f"{trainer_name(method)}__{PLANS}__{CONFIGURATION}" / "fold_all"
    if not (model / "checkpoint_final.pth").is_file():
        seeded = [sys.executable, "-m", "benchmarks.left_atrium.seeded", str(seed)]
        of_training = f"-tr {trainer_name(method)} -device {device}".split()
        _run([*seeded, "prepare", "-d", "801", "-c", CONFIGURATION, "-f", "all", *of_training], own, log)
        goes_on = ["--c"] if (model / "checkpoint_latest.pth").is_file() else []
        _run([*seeded, "train", "801", CONFIGURATION, "all", *of_training, *goes_on], own, log)
    predictions = folder / f"predicted{cases}" / f"{method}_seed{seed}"
    images = folder / "raw" / DATASET / f"images{cases}"
    names = f"-d 801 -c {CONFIGURATION} -f all -tr {trainer_name(method)} -device {device} --disable_tta -npp 1 -nps 1"
    _run(["nnUNetv2_predict", "-i", str(images), "-o", str(predictions), *names.split()], own, log)
    truths = sorted((folder / "raw" / DATASET / f"labels{cases}").iterdir())
    row = {"method": method, "seed": seed, "size": described(size), "train_seconds": train_seconds(results)}
    row["computed_in"] = str(fast_dtype(torch.device(device)) or torch.float32).removeprefix("torch.")
    row["cases"] = {truth.name: measure(predictions / truth.name, truth) for truth in truths}
    measured.parent.mkdir(parents=True, exist_ok=True)
    write_json(row, measured)


def train_seconds(results: Path) -> float:
    """Time of all epochs, also of generators, by nnU-Net's logs, and of fine-tuning."""
    fine_tuning = sum(read_json(file)["seconds"] for file in results.rglob(HISTORY))
    logs = [log.read_text(encoding="utf-8") for log in results.rglob("training_log*.txt")]
    return fine_tuning + sum(float(seconds) for log in logs for seconds in re.findall(r"Epoch time: ([\d.]+) s", log))


def measure(prediction: Path, truth: Path) -> dict[str, float]:
    """The field's four measures, distances in voxels."""
    masks = [read_labels(file) > 0 for file in (prediction, truth)]
    overlap = dice(*masks)
    distances = measure_distances(*masks, Grid.of(read_image(truth)).spacing_mm, DEFAULT_TOLERANCES)
    return {
        "dice": overlap,
        "jaccard": overlap / (2 - overlap),
        "asd_voxel": distances["asd_voxel"],
        "hd95_voxel": distances["hd95_voxel"],
    }


def _run(command: list[str], own: dict[str, str], log: Path) -> None:
    with log.open("a", encoding="utf-8") as file:
        subprocess.run(command, env=own, stdout=file, stderr=subprocess.STDOUT, check=True)
