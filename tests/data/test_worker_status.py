"""A process that loads data and dies: the message says which case it was at, and why."""

import os
import signal

import pytest
from support import DATASET, make_trainer

from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.trainers import fault_tolerant as durable
from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo


@pytest.fixture
def two_workers(prepared_dataset, monkeypatch):
    monkeypatch.setenv("nnUNet_n_proc_DA", "2")  # one for labeled cases, one for unlabeled ones
    return prepared_dataset


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # nnU-Net's own thread


def train():
    trainer = make_trainer()
    try:
        trainer.run_training()
    finally:
        for loader in (trainer.dataloader_train, trainer.dataloader_val, trainer.dataloader_unlabeled):
            if loader is not None:
                loader._finish(timeout=1)


def damage_before_loading(monkeypatch, folder):
    """Cut all arrays of a folder once the training has looked at them, before its workers read them."""
    real = nnUNetTrainerMuDuo.get_dataloaders

    def get_dataloaders(trainer):
        for file in folder.glob("*.b2nd"):
            file.write_bytes(file.read_bytes()[:200])
        return real(trainer)

    monkeypatch.setattr(nnUNetTrainerMuDuo, "get_dataloaders", get_dataloaders)


def test_a_labeled_case_that_cannot_be_read_is_named(two_workers, monkeypatch):
    damage_before_loading(monkeypatch, two_workers / "pre" / DATASET / "nnUNetPlans_3d_fullres")
    with pytest.raises(RuntimeError, match=r"process that loads data stopped. Case labeled_\d can't be read: "):
        train()


def test_a_labeled_case_that_is_damaged_from_the_start_is_named(two_workers):
    file = two_workers / "pre" / DATASET / "nnUNetPlans_3d_fullres" / "labeled_1_seg.b2nd"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(RuntimeError, match=r"Case labeled_1 can't be read: "):
        train()


def test_unlabeled_cases_that_cannot_be_read_are_listed(two_workers, monkeypatch):
    damage_before_loading(monkeypatch, two_workers / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled")
    with pytest.raises(
        RuntimeError, match=r"process that loads data stopped. 1 of 4 unlabeled cases(.|\n)*unlabeled_\d: "
    ):
        train()


class Deadly(TrackedDataset):
    """The kernel ends a process that takes too much memory like this."""

    def load_case(self, identifier):
        with self.notes.reading(identifier):
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_says_where_it_was(two_workers, monkeypatch):
    monkeypatch.setattr(durable, "TrackedDataset", Deadly)
    with pytest.raises(RuntimeError, match=r"was killed, probably for lack of memory, at case labeled_\d(.|\n)*--c"):
        train()


def test_other_errors_stay_as_they_are(two_workers, monkeypatch):
    def fail(self, batch):
        raise RuntimeError("something else")

    monkeypatch.setattr(nnUNetTrainerMuDuo, "train_step", fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        train()
