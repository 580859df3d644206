"""Batches of unlabeled patches: stock nnU-Net loader and augmentation, fed with both views of each case."""

import os
import random
from contextlib import contextmanager

import numpy as np
import torch
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.nnunet_masking import MaskImageTransform
from batchgeneratorsv2.transforms.utils.pseudo2d import Convert2DTo3DTransform, Convert3DTo2DTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.utilities.default_n_proc_DA import get_allowed_n_proc_DA

from nnunetv2_muduo.data.excluded_cases import refuse_too_many
from nnunetv2_muduo.data.signed_distances import SignedDistancesTransform
from nnunetv2_muduo.data.views import N_CHANNELS
from nnunetv2_muduo.data.worker_status import DamagedCase, TrackedDataset
from nnunetv2_muduo.parallel import n_cores

_PROCESSES_VARIABLE = "nnUNet_n_proc_DA"
_SPATIAL = (SpatialTransform, MirrorTransform, Convert3DTo2DTransform, Convert2DTo3DTransform)
_SPATIAL += (Rot90Transform, TransposeAxesTransform)  # of nnUNetTrainerDA5


class StudentOnly(BasicTransform):
    """Applies an intensity transform to the student's channels and leaves HU, SUV and the clean view as they are."""

    def __init__(self, transform: BasicTransform, n_channels: int):
        super().__init__()
        self.transform = transform
        self.n_channels = n_channels

    def __call__(self, **data_dict):
        stacked = data_dict["image"]
        out = self.transform(**{**data_dict, "image": stacked[: self.n_channels]})
        out["image"] = torch.cat([out["image"], stacked[self.n_channels :]])
        return out


class CleanToo(StudentOnly):
    """Applies a transform to the student's channels and to those of the clean view, which come last."""

    def __call__(self, **data_dict):
        out = super().__call__(**data_dict)
        clean = self.transform(**{**data_dict, "image": out["image"][-self.n_channels :]})["image"]
        out["image"] = torch.cat([out["image"][: -self.n_channels], clean])
        return out


def shared_spatial_transforms(
    training_transforms: ComposeTransforms, n_channels: int = N_CHANNELS, clean_view: bool = False
) -> ComposeTransforms:
    """nnU-Net's training transforms for stacked views: spatial ones move all views, the others change the student's.

    What a method derives from labels alone is left out.

    Args:
        n_channels: of the student's view, which comes first.
        clean_view: whether the clean view comes last. It is masked as the student's where the plan's normalization wants that.
    """
    transforms = [t for t in training_transforms.transforms if not isinstance(t, SignedDistancesTransform)]
    return ComposeTransforms([t if _is_spatial(t) else _of_views(t, n_channels, clean_view) for t in transforms])


def _of_views(transform: BasicTransform, n_channels: int, clean_view: bool) -> BasicTransform:
    masks = clean_view and isinstance(transform, MaskImageTransform)
    return CleanToo(transform, n_channels) if masks else StudentOnly(transform, n_channels)


def _is_spatial(transform: BasicTransform) -> bool:
    return isinstance(transform.transform if isinstance(transform, RandomTransform) else transform, _SPATIAL)


class UnlabeledLoader(nnUNetDataLoader):
    """nnU-Net's loader, which goes on without cases that can't be read as long as they are few.

    Its batches say in "damaged" which these are, with reasons. Each worker process has a copy of the loader and finds out for
    itself: each meets a damaged case once.

    Raises:
        RuntimeError: more than 5 % of the cases can't be read; they are listed.
    """

    def __init__(self, data: TrackedDataset, *args, **kwargs):
        super().__init__(data, *args, **kwargs)
        self.damaged: dict[str, str] = {}

    def generate_train_batch(self) -> dict:
        """Draw cases until there is a batch of whole ones."""
        while True:
            try:
                return {**super().generate_train_batch(), "damaged": dict(self.damaged)}
            except DamagedCase as error:
                self._leave_out(error)

    def _leave_out(self, error: DamagedCase) -> None:
        self.damaged[error.case] = str(error)
        self.indices = [case for case in self.indices if case != error.case]
        try:
            refuse_too_many(self.damaged, self._data.identifiers)
        except RuntimeError as refusal:
            self._data.notes.failed(str(refusal))
            raise


class IsolatedRandomness:
    """Iterator with random states of its own, so that drawing unlabeled patches changes no other random number.

    nnU-Net's loaders and transforms draw from the global generators of numpy, torch and Python. Run in the training process
    (`nnUNet_n_proc_DA=0`), the unlabeled loader would otherwise change what the labeled one draws.
    """

    def __init__(self, iterator, seed: int):
        self.iterator = iterator
        outside = random_states()
        np.random.seed(seed)
        torch.manual_seed(seed)
        random.seed(seed)
        self.states = random_states()
        set_random_states(outside)

    def __iter__(self):
        return self

    def __next__(self):
        outside = random_states()
        set_random_states(self.states)
        try:
            return next(self.iterator)
        finally:
            self.states = random_states()
            set_random_states(outside)


def start_loader(loader, n_processes: int, pin_memory: bool, seed: int):
    """Iterator over a loader's batches, in worker processes or, with none, in this one with random states of its own."""
    if n_processes == 0:
        return IsolatedRandomness(loader, seed)
    batches = NonDetMultiThreadedAugmenter(
        data_loader=loader,
        transform=None,
        num_processes=n_processes,
        num_cached=max(3, n_processes // 2),
        seeds=None,
        pin_memory=pin_memory,
        wait_time=0.002,
    )
    next(batches)  # forks the workers now, as nnU-Net does, before the network and the GPU have threads of their own
    return batches


def n_augmentation_processes() -> int:
    """Worker processes that load patches: nnU-Net's number, no more than cores unless the variable says so."""
    n_processes = get_allowed_n_proc_DA()
    return n_processes if _PROCESSES_VARIABLE in os.environ else min(n_processes, n_cores())


@contextmanager
def augmentation_processes(n_processes: int):
    """Let nnU-Net's loaders that start inside use this many worker processes, through the variable it reads for that."""
    before = os.environ.get(_PROCESSES_VARIABLE)
    os.environ[_PROCESSES_VARIABLE] = str(n_processes)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROCESSES_VARIABLE]
        else:
            os.environ[_PROCESSES_VARIABLE] = before


def random_states() -> tuple:
    """States of the global generators of numpy, torch and Python, from which nnU-Net draws."""
    return np.random.get_state(), torch.get_rng_state(), random.getstate()


def set_random_states(states: tuple) -> None:
    """Go on from states that `random_states` gave."""
    np.random.set_state(states[0])
    torch.set_rng_state(states[1])
    random.setstate(states[2])


def resume_generator(generator: torch.Generator, state: torch.Tensor) -> None:
    """Take over a generator's state. That of another kind of device can't be: a training goes on with fresh numbers there."""
    if state.shape == generator.get_state().shape:
        generator.set_state(state)
