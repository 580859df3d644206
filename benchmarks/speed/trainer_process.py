"""Trainers that make a step when they are told to, each in a process of its own: nnU-Net's, MuDuo's and the compared ones."""

import argparse
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Sequence
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tqdm import tqdm

from benchmarks.speed import measure
from benchmarks.speed.nnunet_plans import DATASET_JSON, plans
from benchmarks.speed.phantom_patches import phantom_patches, teacher_files
from nnunetv2_muduo import trainers
from nnunetv2_muduo.data.signed_distances import signed_distances
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble
from nnunetv2_muduo.trainers import nnUNetTrainerMuDuo

N_REPEATS = 2


class TrainerProcess:
    """One trainer, "plain", "muduo" or the name of a compared method's; folder: where its config is and its files go."""

    def __init__(self, kind: str, folder: Path, device: torch.device, n_threads: int):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        context.Process(target=serve, args=(kind, folder, device, n_threads, theirs), daemon=True).start()

    def step(self) -> dict[str, float]:
        """Seconds of a whole step; of MuDuo's also of the teacher stage in it, and of the average's pass."""
        self.connection.send("step")
        return self.connection.recv()

    def stop(self) -> float:
        """End the process; returns the most memory that it took, in GB."""
        self.connection.send("stop")
        return self.connection.recv()


def taking_turns(
    kinds: Sequence[str], args: argparse.Namespace, n_repeats: int
) -> tuple[list[dict[str, dict[str, float]]], dict[str, float]]:
    """Steps of several trainers, which take turns; a round before them warms up. Teachers have the public size.

    Returns:
        For each round what `TrainerProcess.step` gives, by trainer; and the most memory of each, in GB.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = {**teacher_files(Path(folder)), "ramp_up_epochs": 1}
        (Path(folder) / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        trainers = {kind: TrainerProcess(kind, Path(folder), args.device, args.threads) for kind in kinds}
        rounds = tqdm(range(1 + n_repeats), desc="Steps of all trainers, the first to warm up")
        steps = [{kind: trainers[kind].step() for kind in kinds} for _ in rounds][1:]
        return steps, {kind: trainers[kind].stop() for kind in kinds}


def beside_plain(kind: str, args: argparse.Namespace) -> tuple[list[dict[str, dict[str, float]]], dict[str, Any]]:
    """What a trainer's step costs over one of plain nnU-Net, with which it takes turns.

    Returns:
        The steps, as `taking_turns` gives them; and figures: machine, ratios, and by trainer the seconds of its steps and the
        most memory, in GB.
    """
    steps, peaks_gb = taking_turns(("plain", kind), args, N_REPEATS)
    step_s = {of: [step[of]["step_s"] for step in steps] for of in ("plain", kind)}
    return steps, {
        "machine": measure.machine(args.device),
        "step_ratio_to_plain": measure.median_ratio(step_s[kind], step_s["plain"]),
        "memory_ratio_to_plain": peaks_gb[kind] / peaks_gb["plain"],
        "step_s": step_s,
        "peak_gb": peaks_gb,
    }


def serve(kind: str, folder: Path, device: torch.device, n_threads: int, connection: Connection) -> None:
    """Make steps for a `TrainerProcess` until it says to stop."""
    torch.set_num_threads(n_threads)
    trainer = make_trainer(kind, folder, device)
    batch = labeled_batch(trainer)
    while connection.recv() != "stop":
        step_s, _ = measure.seconds(lambda: trainer.train_step(batch), device)
        connection.send({"step_s": step_s, **getattr(trainer, "parts_s", {})})
    connection.send(peak_gb(device))


class TimedMuDuo(nnUNetTrainerMuDuo):
    """MuDuo's trainer; parts_s: seconds of the last step for the average's pass, and for teachers and the loss against them."""

    def unlabeled_loss(self, student_logits, patches):
        self.parts_s, loss = {}, super().unlabeled_loss
        seconds, result = measure.seconds(lambda: loss(student_logits, patches), self.device)
        self.parts_s["stage_s"] = seconds - self.parts_s["average_s"]
        return result

    def average_probs(self, *args):
        of_average = super().average_probs
        self.parts_s["average_s"], result = measure.seconds(lambda: of_average(*args), self.device)
        return result


def make_trainer(kind: str, folder: Path, device: torch.device) -> nnUNetTrainer:
    """nnU-Net's trainer or one of ours, with its network and, for methods that want them, teachers and an unlabeled batch."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ[variable] = str(folder)
    os.environ["nnUNet_muduo_config"] = str(folder / "config.yaml")
    torch.manual_seed(0)
    preprocessed = folder / "Dataset001_Phantom" / "nnUNetPlans_3d_fullres"
    preprocessed.mkdir(parents=True, exist_ok=True)
    (preprocessed / "case.b2nd").touch()  # tells nnU-Net the kind of its files
    trainer_class = {"plain": nnUNetTrainer, "muduo": TimedMuDuo}.get(kind) or getattr(trainers, kind)
    trainer = trainer_class({**plans(), "continue_training": False}, "3d_fullres", 0, DATASET_JSON, device)
    trainer.initialize()
    trainer.network.train()
    # As on_train_start does, but with no data set to prepare and no loader to start:
    if getattr(trainer, "needs_teachers", False):
        trainer.ensemble = TeacherEnsemble(
            trainer.muduo_config, trainer.plans_manager.transpose_forward, trainer.organ_labels, device
        )
    if kind != "plain":
        trainer.dataloader_unlabeled = repeat(unlabeled_batch(trainer.needs_teachers))
    return trainer


def labeled_batch(trainer: nnUNetTrainer) -> dict:
    """A batch as nnU-Net's loader gives it, with a target for each scale of the deep supervision."""
    patches = phantom_patches(2)
    data = torch.cat([patches.ct_hu / 400, patches.pet_suv], dim=1)
    strides = np.cumprod(trainer.configuration_manager.pool_op_kernel_sizes, axis=0)[:-1]
    target = [patches.organ_map[:, :, ::a, ::b, ::c].contiguous() for a, b, c in strides]
    if getattr(trainer, "has_shapes", False):  # SASSNet, whose loaders add them
        maps = [signed_distances(organ_map[0].numpy(), trainer.organ_labels) for organ_map in patches.organ_map]
        target.append(torch.from_numpy(np.stack(maps)))
    return {"data": data, "target": target}


def unlabeled_batch(with_physical: bool) -> dict:
    """A batch as the unlabeled loader gives it: the student's view, for teachers HU and SUV, and the prompt map as the target."""
    patches = phantom_patches(2)
    views = [patches.ct_hu / 400, patches.pet_suv, *((patches.ct_hu, patches.pet_suv) if with_physical else ())]
    return {"data": torch.cat(views, dim=1), "target": patches.organ_map, "damaged": {}}


def peak_gb(device: torch.device) -> float:
    """The most memory that this process has taken, on the CPU the resident set, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
