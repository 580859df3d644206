"""Fine-tuned SAM of a training: where its file belongs, whether it is there, and making it from the fold's labeled cases."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

from nnunetv2_muduo.claims import claimed
from nnunetv2_muduo.conversion.record import known_patients
from nnunetv2_muduo.data.generator_folders import FINE_TUNER, folder_by_identity
from nnunetv2_muduo.data.generator_identity import label_digests, plan_identity, why_not
from nnunetv2_muduo.data.loader import IsolatedRandomness, n_augmentation_processes, start_loader
from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.teacher_training.data import hold_out
from nnunetv2_muduo.teacher_training.train2d.losses import NO_CLASS
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.teacher_training.train2d.training import FINAL, STATE, Crops, FineTuning
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_made_from
from nnunetv2_muduo.teachers.sam2d.network import build, identity_of, let_learn
from nnunetv2_muduo.trainers.requirements import labeled_cases
from nnunetv2_muduo.trainers.unlabeled_loading import training_transforms

LEAST_PATIENTS_TO_HOLD_OUT, HELD_OUT_SHARE, N_HELD_OUT_PAIRS = 5, 0.2, 8
"""Crops to measure on are drawn in pairs: the second of each holds an organ, as nnU-Net's loader sees to."""


@dataclass(frozen=True)
class Case:
    """A labeled case, for `hold_out`."""

    name: str
    patient: str


def settings_of(config) -> FineTuningSettings:
    """How a training with a config fine-tunes."""
    return FineTuningSettings(sam=config.sam, n_iterations=config.sam_iterations, seed=config.sam_seed)


def made_from(trainer, settings: FineTuningSettings) -> dict[str, Any]:
    """What a fine-tuned network that an initialized trainer makes is made from: plans, labels, what it sees, its recipe."""
    return {
        "plans": plan_identity(trainer.plans_manager, trainer.configuration_name),
        "labels": label_digests(labeled_cases(trainer)),
        "seen": {
            "channels": trainer.seen_channels,
            "n_classes": trainer.label_manager.num_segmentation_heads,
            "axis": trainer.slice_axis,
            "patch_size": list(trainer.patch_size),
        },
        "recipe": recipe_of(trainer, settings),
    }


def recipe_of(trainer, settings: FineTuningSettings) -> dict[str, Any]:
    """How a network is fine-tuned, as `made_from` has it."""
    config = trainer.muduo_config
    return {
        **asdict(settings),
        "sam": identity_of(settings.sam),
        "augmentation": config.augmentation,
        "labels_have_sides": config.labels_have_sides,
    }


def fine_tuned_file(trainer) -> Path:
    """The file of the config; without one, where this training's own lies, or will lie."""
    if trainer.muduo_config.sam_file is not None:
        return Path(trainer.muduo_config.sam_file).expanduser()
    return _own_folder(trainer) / FINAL


def why_none(trainer) -> str | None:
    """Why the network of a training has to be fine-tuned, None where its file is there.

    Raises:
        FileNotFoundError, ValueError: the config names a file that is not there, can't be read, or is of other labels, plans,
            channels, slices or patches.
    """
    file = fine_tuned_file(trainer)
    if trainer.muduo_config.sam_file is None:
        return None if file.is_file() else "not there"
    wanted = {key: value for key, value in trainer.sam_made_from.items() if key != "recipe"}
    if reason := why_not(read_made_from(file), wanted):
        raise ValueError(
            f"sam_file {file} does not belong to this training: {reason}. Fine-tune on the cases of this fold (`muduo teacher "
            "train2d`), or leave sam_file out: training then does it."
        )
    return None


def make_own(trainer) -> None:
    """Fine-tune the network of a training where it is not there, from where it was left. Trainings that need it wait."""
    if why_none(trainer) is None:
        trainer.print_to_log_file(f"Fine-tuned SAM: there ({fine_tuned_file(trainer)}).")
        return
    folder = _own_folder(trainer)
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder.with_suffix(".lock"), "fine-tunes the SAM", trainer.print_to_log_file):
        if why_none(trainer) is not None:  # no other process has made it meanwhile
            trainer.print_to_log_file(
                f"SAM: fine-tuning {trainer.muduo_config.sam} on the fold's labeled cases, in {folder}."
            )
            training = fine_tuning(trainer, settings_of(trainer.muduo_config), folder)
            if (folder / STATE).is_file():
                training.resume()
            training.run()


def fine_tuning(trainer, settings: FineTuningSettings, folder: Path) -> FineTuning:
    """A fine-tuning on an initialized trainer's labeled cases, not begun.

    Raises:
        RuntimeError: `transformers` is not installed. ValueError: there is no such SAM, or slices are larger than its canvas.
    """
    with torch.random.fork_rng(devices=[]):  # building a network draws random numbers
        torch.manual_seed(settings.seed)
        network = build(settings.sam, trainer.label_manager.num_segmentation_heads, settings.lora_rank)
    network = let_learn(network, settings.sam)
    trainer.require_slices_fit(network.canvas_size)
    train, held_out = _hold_out(trainer, settings.seed)
    n_pairs = min(N_HELD_OUT_PAIRS, 2 * len(held_out))
    measured = _drawn(trainer, held_out, 2, settings.seed, training=False)(0) if held_out else iter(())
    return FineTuning(
        network.to(trainer.device),
        settings,
        trainer.slice_axis,
        _drawn(trainer, train, settings.batch_size, settings.seed, training=True),
        [next(measured) for _ in range(n_pairs)],
        folder,
        {**trainer.sam_made_from, "recipe": recipe_of(trainer, settings)},
        trainer.print_to_log_file,
    )


def _own_folder(trainer) -> Path:
    return folder_by_identity(trainer.preparation.stock_folder(FINE_TUNER), trainer.sam_made_from)


def _hold_out(trainer, seed: int) -> tuple[list[str], list[str]]:
    """Names of the cases to learn from, and of those that choose the best weights; none where patients are few."""
    names = list(labeled_cases(trainer).identifiers)
    patients = known_patients(trainer.preparation.raw_dataset, set(names))
    cases = [Case(name, patients.get(name, name)) for name in names]
    train, held_out = cases, []
    if len({case.patient for case in cases}) >= LEAST_PATIENTS_TO_HOLD_OUT:
        train, held_out = hold_out(cases, HELD_OUT_SHARE, seed)
    train_names, held_out_names = ([case.name for case in part] for part in (train, held_out))
    trainer.print_to_log_file(
        f"Fine-tuning learns from {len(train_names)} labeled cases; "
        + (
            f"held out to choose the best weights: {', '.join(held_out_names)}."
            if held_out
            else "the last weights are kept."
        )
    )
    return train_names, held_out_names


def _drawn(trainer, cases: list[str], batch_size: int, seed: int, training: bool) -> Callable[[int], Iterator[Crops]]:
    """Crops by nnU-Net's loader, augmented as the student's where it is for training; see `FineTuning.draw`.

    Drawn in this process, a batch depends on its number alone; worker processes draw on as they come.
    """
    loader, label_manager = _loader(trainer, cases, batch_size, training), trainer.label_manager

    def crops_of(batch: dict) -> Crops:
        images, labels = batch["data"][:, trainer.seen_channels], batch["target"].clamp(min=0)
        if label_manager.ignore_label is not None:
            labels[labels == label_manager.ignore_label] = NO_CLASS
        return Crops(images, labels)

    def draw(first: int) -> Iterator[Crops]:
        n_processes = n_augmentation_processes() if training else 0
        if n_processes:
            yield from map(crops_of, start_loader(loader, n_processes, trainer.device.type == "cuda", seed))
        else:
            for number in count(first):
                yield crops_of(next(IsolatedRandomness(loader, seed + number)))

    return draw


def _loader(trainer, cases: list[str], batch_size: int, training: bool) -> nnUNetDataLoader:
    transforms, initial_patch_size = training_transforms(trainer)
    if not training:
        transforms, initial_patch_size = trainer.get_validation_transforms(None), trainer.patch_size
    dataset = trainer.dataset_class(trainer.preprocessed_dataset_folder, cases)
    return nnUNetDataLoader(
        TrackedDataset(dataset, trainer.worker_status),
        batch_size,
        initial_patch_size,
        trainer.patch_size,
        trainer.label_manager,
        oversample_foreground_percent=trainer.oversample_foreground_percent,
        probabilistic_oversampling=batch_size
        == 1,  # nnU-Net's other way sees to whole crops of a batch, so to none of one
        transforms=transforms,
    )
