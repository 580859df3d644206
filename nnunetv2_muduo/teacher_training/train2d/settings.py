"""Settings of a fine-tuning; the defaults are CFR's unless a line says otherwise (docs/methods.md)."""

from dataclasses import dataclass

from nnunetv2_muduo.teachers.sam2d.network import LORA_RANK

MOST = 10**8


@dataclass(frozen=True)
class FineTuningSettings:
    """Everything that decides what a fine-tuning does, but for network, data and device; ValueError for impossible values."""

    sam: str = "vit_b"
    """What is fine-tuned; see `teachers.sam2d.network.build`."""
    n_iterations: int = 6000
    """Updates of the weights."""
    batch_size: int = 2
    """Crops of one update."""
    lr: float = 1e-3
    """At the start; it falls with the power 0.9 of the part that is left, without a warm-up."""
    weight_decay: float = 0.1
    lora_rank: int = LORA_RANK
    seed: int = 0

    def __post_init__(self):
        for name in ("n_iterations", "batch_size", "lr", "lora_rank"):
            if not 0 < getattr(self, name) <= (1 if name == "lr" else MOST):
                raise ValueError(f"{name} must be above 0 and at most {1 if name == 'lr' else MOST:,}")
        if not 0 <= self.seed < 2**32 - self.n_iterations:
            raise ValueError(f"seed must be at least 0 and below 2^32 less the iterations, got {self.seed}")
