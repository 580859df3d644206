"""One row: train with nnU-Net's command, predict the test cases with the stock command, measure them."""

import subprocess
import sys
import time
from pathlib import Path

import yaml

from benchmarks.left_atrium.dataset import CONFIGURATION, DATASET, PLANS, environment
from benchmarks.left_atrium.size import Size, trainer_name
from nnunetv2_muduo.evaluation.metrics import DEFAULT_TOLERANCES, dice, measure_distances
from nnunetv2_muduo.imageio.grid import Grid
from nnunetv2_muduo.imageio.images import read_image, read_labels
from nnunetv2_muduo.storage import write_json


def result_file(folder: Path, method: str, seed: int) -> Path:
    """Where a row's measures are, once it is done."""
    return folder / "measured" / f"{method}_seed{seed}.json"


def run_row(folder: Path, method: str, seed: int, size: Size) -> None:
    """Train, predict and measure what is not done yet.

    Raises:
        subprocess.CalledProcessError: a command failed; its output is in `folder/logs`.
    """
    results = folder / "results" / f"{method}_seed{seed}"
    results.mkdir(parents=True, exist_ok=True)
    config = results / "config.yaml"
    config.write_text(yaml.safe_dump(size.config(method)), encoding="utf-8")
    own = environment(folder, nnUNet_results=str(results), nnUNet_muduo_config=str(config))
    log = folder / "logs" / f"{method}_seed{seed}.txt"
    log.parent.mkdir(exist_ok=True)
    model = results / DATASET / f"{trainer_name(method)}__{PLANS}__{CONFIGURATION}" / "fold_all"
    started = time.monotonic()
    if not (model / "checkpoint_final.pth").is_file():
        goes_on = ["--c"] if (model / "checkpoint_latest.pth").is_file() else []
        command = [
            sys.executable,
            "-m",
            "benchmarks.left_atrium.seeded_training",
            str(seed),
            "801",
            CONFIGURATION,
            "all",
        ]
        _run([*command, "-tr", trainer_name(method), "-device", "cpu", *goes_on], own, log)
    seconds = time.monotonic() - started
    predictions = folder / "predicted" / f"{method}_seed{seed}"
    images = folder / "raw" / DATASET / "imagesTs"
    names = f"-d 801 -c {CONFIGURATION} -f all -tr {trainer_name(method)} -device cpu --disable_tta -npp 1 -nps 1"
    _run(["nnUNetv2_predict", "-i", str(images), "-o", str(predictions), *names.split()], own, log)
    truths = sorted((folder / "raw" / DATASET / "labelsTs").iterdir())
    cases = {truth.name: measure(predictions / truth.name, truth) for truth in truths}
    write_json(
        {"method": method, "seed": seed, "train_seconds": seconds, "cases": cases}, result_file(folder, method, seed)
    )


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
