"""A GPU without room for the teachers, provoked in a training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import log_of, started_epoch, write_config

from nnunetv2_muduo.trainers.out_of_memory import ChunkFallback


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
    from nnunetv2_muduo.trainers import asking, muduo

    owners = {"predict": trainer.ensemble, "agreement_of_logits": asking, "consistency_loss": muduo}
    owner = owners.get(part, trainer)
    monkeypatch.setattr(owner, part, out_of_memory(n_times, getattr(owner, part)))


PARTS = ("average_probs", "predict", "agreement_of_logits", "consistency_loss")


@pytest.fixture(autouse=True)
def every_pair_kept(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, least_agreement=0.0)


def outcome_of_a_step(monkeypatch=None, part=None):
    trainer = started_epoch()
    trainer.current_epoch = 1
    if part:
        no_room(monkeypatch, trainer, part, n_times=1)
    torch.manual_seed(1)
    batch = next(trainer.dataloader_unlabeled)
    outcome = trainer.learn_from_unlabeled(batch, weight=0.1)
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
