"""Loader of a training's unlabeled patches, and the sides of its unlabeled cases."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2_muduo.data.left_right import left_right_axis
from nnunetv2_muduo.data.loader import (
    UnlabeledLoader,
    augmentation_processes,
    n_augmentation_processes,
    shared_spatial_transforms,
    start_loader,
)
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.trainers import distributed


def start_unlabeled_loader(trainer) -> AbstractContextManager:
    """Start `trainer.dataloader_unlabeled`. In the context that is returned nnU-Net's loaders get the other processes."""
    n_processes = n_augmentation_processes()
    n_unlabeled = min(n_processes, max(1, n_processes // 2))
    loader = unlabeled_loader(trainer)
    trainer.dataloader_unlabeled = start_loader(
        loader, n_unlabeled, pin_memory=trainer.device.type == "cuda", seed=(torch.initial_seed() + 1) % 2**32
    )
    train_cases, val_cases = trainer.do_split()
    trainer.print_to_log_file(
        f"Labeled {len(train_cases)} / unlabeled {len(loader.indices)} / validation {len(val_cases)} cases; batch "
        f"{trainer.batch_size} labeled + {loader.batch_size} unlabeled patches."
    )
    return augmentation_processes(n_processes - n_unlabeled if n_processes > 1 else n_processes)


def unlabeled_loader(trainer) -> UnlabeledLoader:
    """nnU-Net's loader of the unlabeled cases, with nnU-Net's augmentation of the student's view."""
    transforms, initial_patch_size = training_transforms(trainer)
    data, clean_view = trainer.unlabeled_dataset(), trainer.wants_clean_view
    data.clean_view = clean_view
    labels = {name: label for name, label in trainer.dataset_json["labels"].items() if name != "ignore"}
    return UnlabeledLoader(
        TrackedDataset(data, trainer.worker_status),
        distributed.own_share(trainer.muduo_config.unlabeled_batch_size or trainer.configuration_manager.batch_size),
        initial_patch_size,
        trainer.patch_size,
        trainer.plans_manager.get_label_manager({"labels": labels}),
        oversample_foreground_percent=trainer.oversample_foreground_percent,
        transforms=shared_spatial_transforms(transforms, trainer.num_input_channels, clean_view),
    )


def training_transforms(trainer) -> tuple[BasicTransform, Sequence[int]]:
    """nnU-Net's augmentation without deep supervision's small labels, and the size of the patches that it is given."""
    rotation, dummy_2d, initial_patch_size, mirror_axes = (
        trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    )
    masks = trainer.configuration_manager.use_mask_for_norm
    transforms = trainer.get_training_transforms(
        trainer.patch_size, rotation, None, mirror_axes, dummy_2d, use_mask_for_norm=masks
    )
    return transforms, initial_patch_size


def unlabeled_left_right_axes(folder: Path, transpose_forward: list[int]) -> set[int]:
    """Axes from side to side of the unlabeled cases in a folder; all three where a case's direction is unknown."""
    axes: set[int] = set()
    for case in UnlabeledDataset.get_identifiers(folder):
        direction = read_json(folder / f"{case}.json")["direction"]
        axes |= {left_right_axis(direction, transpose_forward)} if direction else {0, 1, 2}
    return axes
