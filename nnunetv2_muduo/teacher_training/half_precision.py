"""Half precision of trainings of promptable networks."""

import torch


def half_where_possible(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on GPUs that have it, whose range needs no loss scaling; elsewhere it changes nothing."""
    use_half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=use_half)
