"""What trainings on two cores compute in."""

import torch


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """bfloat16 on CPUs that have it, where convolutions take little more than half the time; else nnU-Net's own choice."""
    has_bfloat16 = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16")
    return torch.bfloat16 if has_bfloat16 else None
