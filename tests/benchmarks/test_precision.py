"""What trainings on two cores compute in."""

import torch

from benchmarks.precision import fast_dtype


def test_bfloat16_is_for_cpus_that_have_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert fast_dtype(torch.device("cpu")) == torch.bfloat16
    assert fast_dtype(torch.device("cuda")) is None
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert fast_dtype(torch.device("cpu")) is None
