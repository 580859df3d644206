"""Memory and open files of a training and of its loaders over 500 iterations, which must not grow.

    python -m benchmarks.speed.long_run --json OUT.json

A tiny data set on the CPU, with one worker process each for labeled and unlabeled cases and for validation, as nnUNetv2_train
starts them. Memory of its own (resident, without the pages of files) and open files of each process are looked at every 25
iterations. The slope is that of a line through what is seen after the first 150, in which caches and the allocator fill.
Takes about five minutes; Linux only.
"""

import ctypes
import gc
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tqdm import tqdm

from benchmarks.speed import measure

N_ITERATIONS, EVERY, WARM_UP = 500, 25, 150
EPOCH = 50  # iterations between two epoch ends, which log, validate and write a checkpoint
BOUNDS = {"memory_mb": 2.0, "open_files": 0.5}
"""Most growth per 100 iterations of each process."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of malloc.h
SUPPORT = Path(__file__).parents[2] / "tests" / "support.py"


def main() -> None:
    args = measure.parse_arguments(__doc__)
    return_freed_memory()
    support = load_support()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        trainer = started_trainer(support, Path(folder), patch)
        samples = run(trainer)
        for loader in loaders(trainer).values():
            loader._finish(timeout=2)  # as nnU-Net does: batchgenerators has no public way to stop its workers
    slopes = {name: {key: slope(samples, name, key) for key in BOUNDS} for name in samples[0][1]}
    figures = {
        "machine": measure.machine(args.device),
        "n_iterations": N_ITERATIONS,
        "bounds_per_100_iterations": BOUNDS,
        "slopes_per_100_iterations": slopes,
        "within_bounds": all(found[key] <= bound for found in slopes.values() for key, bound in BOUNDS.items()),
        "samples": [{"iteration": iteration, **of_processes} for iteration, of_processes in samples],
    }
    measure.report(args, figures, rows_of(figures))
    if not figures["within_bounds"]:
        sys.exit(f"Grows by more than {BOUNDS} per 100 iterations: {slopes}")


def return_freed_memory() -> None:
    """Let the C library give freed arrays back at once: what it keeps for later would look like growth. Workers inherit it."""
    library = ctypes.CDLL(None)
    library.mallopt(_M_MMAP_THRESHOLD, 2**16)
    library.mallopt(_M_ARENA_MAX, 1)


def load_support():
    """The tests' tiny data set."""
    spec = importlib.util.spec_from_file_location("support", SUPPORT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started_trainer(support, root: Path, patch):
    """A trainer of the tiny data set, prepared, its worker processes started."""
    support.set_nnunet_folders(patch, root)
    support.write_config(patch, root, num_iterations_per_epoch=EPOCH, num_epochs=2, picture_every_epochs=1)
    support.use_threads(patch)
    support.write_raw_dataset(root / "raw" / support.DATASET)
    support.plan_and_preprocess(1)
    support.write_config(patch, root, num_iterations_per_epoch=EPOCH, num_epochs=1, picture_every_epochs=1)
    support.prepare_tiny()
    config = {"num_epochs": N_ITERATIONS // EPOCH, "prompt_generator_num_epochs": 1}
    support.write_config(patch, root, num_iterations_per_epoch=EPOCH, picture_every_epochs=1, **config)
    patch.setenv("nnUNet_n_proc_DA", "2")
    trainer = support.make_trainer()
    trainer.save_every = 1
    trainer.on_train_start()
    return trainer


def run(trainer) -> list[tuple[int, dict]]:
    """Train, and look at all processes on the way: (iteration, {process: {memory_mb, open_files}})."""
    samples, outputs = [], []
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    for iteration in tqdm(range(1, N_ITERATIONS + 1), desc="Training iterations"):
        outputs.append(trainer.train_step(next(trainer.dataloader_train)))
        if iteration % EPOCH == 0:
            end_epoch(trainer, outputs)
            outputs = []
        if iteration % EVERY == 0:
            gc.collect()  # matplotlib's figures hold each other until then
            samples.append((iteration, {name: look_at(pid) for name, pid in processes(trainer).items()}))
    return samples


def end_epoch(trainer, outputs: list[dict]) -> None:
    """What nnU-Net does between two epochs."""
    trainer.on_train_epoch_end(outputs)
    with torch.no_grad():
        trainer.on_validation_epoch_start()
        trainer.on_validation_epoch_end([trainer.validation_step(next(trainer.dataloader_val)) for _ in range(5)])
    trainer.on_epoch_end()
    if trainer.current_epoch < trainer.num_epochs:
        trainer.on_epoch_start()
        trainer.on_train_epoch_start()


def loaders(trainer) -> dict:
    """The trainer's loaders by name, each with a worker process of its own."""
    return {
        "labeled loader": trainer.dataloader_train,
        "validation loader": trainer.dataloader_val,
        "unlabeled loader": trainer.dataloader_unlabeled,
    }


def processes(trainer) -> dict[str, int]:
    """Process IDs by name."""
    pids = {"trainer": os.getpid()}
    for name, loader in loaders(trainer).items():
        pids |= {f"{name} {i}": worker.pid for i, worker in enumerate(loader._processes)}
    return pids


def look_at(pid: int) -> dict[str, float]:
    """Memory and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    kb = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
    return {"memory_mb": kb / 1024, "open_files": len(os.listdir(f"/proc/{pid}/fd"))}


def slope(samples: list[tuple[int, dict]], name: str, key: str) -> float:
    """Growth per 100 iterations after the warm-up."""
    late = [(iteration, found[name][key]) for iteration, found in samples if iteration > WARM_UP]
    return float(100 * np.polyfit(*zip(*late, strict=True), 1)[0])


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    last = figures["samples"][-1]
    return [
        (
            name,
            f"{last[name]['memory_mb']:.0f} MB, {found['memory_mb']:+.2f} MB per 100 iterations; {last[name]['open_files']} open "
            f"files, {found['open_files']:+.2f}",
        )
        for name, found in figures["slopes_per_100_iterations"].items()
    ]


if __name__ == "__main__":
    main()
