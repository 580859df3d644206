"""Losses that are not finite, a GPU without room for the teachers, cases that can't be read: provoked in a training."""

import copy
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from support import DATASET, make_trainer

from nnunetv2_muduo.data.loader import UnlabeledLoader
from nnunetv2_muduo.data.prompt_maps import latest_prompt_maps
from nnunetv2_muduo.data.unlabeled import UnlabeledDataset
from nnunetv2_muduo.data.worker_status import TrackedDataset, WorkerStatus
from nnunetv2_muduo.trainers.out_of_memory import ChunkFallback


def started(name="nnUNetTrainerMuDuo"):
    torch.manual_seed(0)
    trainer = make_trainer(name)
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return trainer


def poisoned(batch):
    return {**batch, "data": torch.full_like(batch["data"], float("nan"))}


def weights_of(trainer):
    return copy.deepcopy(trainer.network.state_dict())


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def log_of(trainer):
    return open(trainer.log_file, encoding="utf-8").read()


@pytest.mark.parametrize("name", ["nnUNetTrainerMuDuo", "nnUNetTrainerMuDuoPromptGenerator"])
def test_a_labeled_loss_that_is_not_finite_never_reaches_the_weights(prepared_dataset, name):
    trainer = started(name)
    batch = next(trainer.dataloader_train)
    before = weights_of(trainer)
    lost = trainer.train_step(poisoned(batch))
    assert same(before, weights_of(trainer))
    good = trainer.train_step(batch)
    assert not same(before, weights_of(trainer))
    trainer.on_train_epoch_end([lost, good])
    assert trainer.logger.get_value("train_losses", step=-1) == pytest.approx(float(good["loss"]))
    assert "Skipped 1 of 2 steps" in log_of(trainer)


def test_a_consistency_loss_that_is_not_finite_never_reaches_the_weights(prepared_dataset):
    trainer = started()
    trainer.dataloader_unlabeled = iter([poisoned(next(trainer.dataloader_unlabeled))])
    before = weights_of(trainer)
    outcome = trainer.train_step(next(trainer.dataloader_train))
    assert np.isfinite(outcome["loss"])
    assert not np.isfinite(outcome["consistency_loss"])
    assert same(before, weights_of(trainer))


def test_gradients_that_are_not_finite_never_reach_the_weights(prepared_dataset):
    trainer = started()
    before = weights_of(trainer)
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    trainer.train_step(next(trainer.dataloader_train))
    assert same(before, weights_of(trainer))
    assert trainer.n_skipped_in_epoch == 1


def test_twenty_lost_steps_in_a_row_end_the_training(prepared_dataset):
    trainer = started("nnUNetTrainerMuDuoPromptGenerator")
    checkpoint = f"{trainer.output_folder}/checkpoint_best.pth"
    trainer.save_checkpoint(checkpoint)
    content = open(checkpoint, "rb").read()
    batch = next(trainer.dataloader_train)
    for _ in range(19):
        trainer.train_step(poisoned(batch))
    trainer.train_step(batch)
    for _ in range(19):
        trainer.train_step(poisoned(batch))
    with pytest.raises(RuntimeError, match=r"not finite in 20 steps in a row(.|\n)*checkpoint_(best|final)\.pth"):
        trainer.train_step(poisoned(batch))
    assert open(checkpoint, "rb").read() == content


class ScalerThatNotes:
    """Stands for GradScaler: its own methods decide about a step, ours must not."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append(name) or (args[0] if args else None)


def test_the_gradient_scaler_decides_about_overflows(prepared_dataset):
    trainer = started("nnUNetTrainerMuDuoPromptGenerator")
    trainer.grad_scaler = ScalerThatNotes()
    batch = next(trainer.dataloader_train)
    trainer.train_step(poisoned(batch))  # its loss is lost: nothing to scale down for
    assert trainer.grad_scaler.calls == ["scale"]
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    trainer.train_step(batch)
    assert trainer.grad_scaler.calls[1:] == ["scale", "unscale_", "step", "update"]


def out_of_memory(n_times, real):
    """`real`, but for the first calls."""
    left = [n_times]

    def call(*args):
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return real(*args)

    return call


def no_room(monkeypatch, trainer, part, n_times):
    from nnunetv2_muduo.trainers import muduo

    owner = trainer.ensemble if part == "predict" else muduo
    monkeypatch.setattr(owner, part, out_of_memory(n_times, getattr(owner, part)))


PARTS = ("predict", "agreement_of_logits", "consistency_with_teachers")


def outcome_of_a_step(monkeypatch=None, part=None):
    trainer = started()
    trainer.current_epoch = 1
    if part:
        no_room(monkeypatch, trainer, part, n_times=1)
    torch.manual_seed(1)
    batch = next(trainer.dataloader_unlabeled)
    outcome = trainer.learn_from_teachers(batch, weight=0.1)
    gradients = torch.cat([p.grad.flatten() for p in trainer.network.parameters() if p.grad is not None])
    return trainer, outcome, gradients


def test_without_memory_the_teachers_take_one_organ_at_a_time(prepared_dataset, monkeypatch):
    _, expected, expected_gradients = outcome_of_a_step()
    for part in PARTS:
        with monkeypatch.context() as patch:
            trainer, outcome, gradients = outcome_of_a_step(patch, part)
        assert trainer.within_memory.chunk == 1
        assert log_of(trainer).count("from now on it takes one organ at a time") == 1
        for key, values in expected.items():
            np.testing.assert_allclose(outcome[key], values, rtol=1e-4)
        assert torch.nn.functional.cosine_similarity(gradients, expected_gradients, dim=0) > 0.9999
        Path(trainer.log_file).unlink()  # named by the second, which the next trainer may share


def test_running_out_of_memory_a_second_time_ends_with_advice():
    within_memory = ChunkFallback(torch.device("cpu"), print)
    part = out_of_memory(2, lambda chunk: chunk)
    with pytest.raises(RuntimeError, match=r"too little memory(.|\n)*20\.00 GiB(.|\n)*unlabeled_batch_size: 1"):
        within_memory(part)
    assert within_memory(part) == 1  # the smaller chunk stays


def unlabeled_loader(root, n_cases):
    """A loader of copies of the tiny data set's unlabeled cases."""
    folder = root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"
    maps = latest_prompt_maps(folder, "nnUNetTrainerMuDuoPromptGenerator", "fold_0")
    for i in range(4, n_cases):
        for file in [*folder.glob("unlabeled_0*"), *maps.glob("unlabeled_0*")]:
            shutil.copy(file, file.with_name(file.name.replace("unlabeled_0", f"unlabeled_{i}", 1)))
    trainer = make_trainer()
    trainer.initialize()
    cases = [f"unlabeled_{i}" for i in range(n_cases)]
    dataset = TrackedDataset(UnlabeledDataset(folder, maps, cases), WorkerStatus())
    return UnlabeledLoader(dataset, 4, (24,) * 3, (24,) * 3, trainer.label_manager), folder, maps


def damaged_files(folder, maps, case):
    return {"ct": folder / f"{case}_0000.b2nd", "map": maps / f"{case}.b2nd", "places": maps / f"{case}.npz"}


def cut(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("which", ["ct", "map", "places"])
def test_a_case_that_cannot_be_read_is_left_out_by_name(prepared_dataset, which, share):
    loader, folder, maps = unlabeled_loader(prepared_dataset, 20)
    cut(damaged_files(folder, maps, "unlabeled_7")[which], share)
    loader.indices = ["unlabeled_7", "unlabeled_8"]
    batches = [next(loader) for _ in range(3)]
    assert set(batches[-1]["keys"]) == {"unlabeled_8"}
    assert batches[-1]["damaged"].keys() == {"unlabeled_7"}
    assert damaged_files(folder, maps, "unlabeled_7")[which].name in batches[-1]["damaged"]["unlabeled_7"]


def test_more_than_five_percent_of_damaged_cases_end_the_training(prepared_dataset):
    loader, folder, maps = unlabeled_loader(prepared_dataset, 20)
    for case in ("unlabeled_7", "unlabeled_9"):
        damaged_files(folder, maps, case)["ct"].write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"2 of 20 unlabeled cases(.|\n)*unlabeled_[79]: (.|\n)*unlabeled_[79]: "):
        list(islice(loader, 100))


def test_the_training_names_the_damaged_case_in_its_log(prepared_dataset, monkeypatch):
    trainer = started()
    trainer.unlabeled_cases = [f"unlabeled_{i}" for i in range(20)]  # one of four would be too many
    batch = {**next(trainer.dataloader_unlabeled), "damaged": {"unlabeled_2": "Case unlabeled_2 can't be read: cut."}}
    trainer.dataloader_unlabeled = iter([batch, batch, {**batch, "damaged": {"unlabeled_3": "Case unlabeled_3: cut."}}])
    for _ in range(2):
        trainer.next_unlabeled()
    assert log_of(trainer).count("Case unlabeled_2 can't be read: cut. It is left out from now on.") == 1
    with pytest.raises(RuntimeError, match="2 of 20 unlabeled cases can't be used"):  # found by two workers
        trainer.next_unlabeled()
