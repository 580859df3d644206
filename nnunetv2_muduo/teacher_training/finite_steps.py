"""Updates of a network's weights that values that are not finite never reach."""

import torch
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

MOST_SKIPPED_IN_A_ROW = 20


def step_where_finite(optimizer: Optimizer, n_skipped: int) -> int:
    """Update the weights, unless a gradient is not finite.

    Args:
        n_skipped: updates left out in a row before this one.

    Returns:
        The same after it.

    Raises:
        RuntimeError: 20 were left out in a row.
    """
    of_all = [one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
    if bool(torch.isfinite(get_total_norm(of_all))):
        optimizer.step()
        return 0
    if n_skipped + 1 >= MOST_SKIPPED_IN_A_ROW:
        raise RuntimeError(
            f"Gradients were not finite in {n_skipped + 1} steps in a row, none of which has touched the weights. Look for "
            "images with extreme values."
        )
    return n_skipped + 1
