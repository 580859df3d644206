import pytest
import torch
from torch import distributed as dist

from nnunetv2_muduo.trainers.distributed import own_device, true_everywhere


@pytest.mark.parametrize(
    ("backend", "torchrun", "expected"), [("gloo", True, "cpu"), ("nccl", True, "cuda:1"), ("nccl", False, "cuda:5")]
)
def test_a_process_takes_the_gpu_that_its_machine_gives_it(monkeypatch, backend, torchrun, expected):
    monkeypatch.setattr(dist, "get_backend", lambda: backend)
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: torchrun)
    monkeypatch.setattr(
        "nnunetv2_muduo.trainers.distributed.rank", lambda: 5
    )  # the second process of the second machine
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert own_device() == torch.device(expected)


def test_alone_everywhere_is_here():
    assert true_everywhere(True, torch.device("cpu"))
    assert not true_everywhere(False, torch.device("cpu"))
