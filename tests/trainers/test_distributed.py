import pytest
import torch
from torch import distributed as dist

from nnunetv2_muduo.trainers.distributed import limit_threads, own_device, true_everywhere


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


@pytest.mark.parametrize(
    ("wanted", "device", "expected"), [("3", "cpu", 3), ("3", "cuda", 2), ("", "cpu", 2), ("3,1", "cpu", 2)]
)
def test_a_training_on_a_cpu_takes_the_threads_that_the_environment_grants(monkeypatch, wanted, device, expected):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr("nnunetv2_muduo.parallel.n_cores", lambda: 2)
    try:
        torch.set_num_threads(2)  # as nnU-Net's commands do on two cores
        limit_threads(torch.device(device))
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
