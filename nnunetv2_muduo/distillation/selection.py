"""Selection of the (sample, organ) pairs that teach, and their weights in the loss (MuDuo, arXiv 2606.15611, eq. 5 and 7)."""

from torch import Tensor


def select_pairs(agreement: Tensor, how: str, threshold: float = 0.5) -> Tensor:
    """The pairs that teach (eq. 5): per organ the best half of the valid samples, all of them, or those in agreement.

    Args:
        agreement: soft IoU [n_samples, n_organs] over the global batch; NaN marks an invalid pair.
        how: `best_half` (at least one sample of each organ that has a valid one), `all`, or `threshold`.
        threshold: least agreement for `threshold`.

    Returns:
        Boolean mask [n_samples, n_organs]; never true where the pair is invalid.
    """
    valid = ~agreement.isnan()
    if how == "all":
        return valid
    if how == "threshold":
        return valid & (agreement >= threshold)
    n_kept = (valid.sum(0) // 2).clamp(min=1)
    order = agreement.masked_fill(~valid, -1).argsort(dim=0, descending=True, stable=True)
    rank = order.argsort(dim=0)  # rank[i, c]: how many samples agree better on organ c than sample i
    return valid & (rank < n_kept)


def pair_weights(kept: Tensor) -> Tensor:
    """Weights [n_samples, n_organs] of the kept pairs in a mean over samples of each organ, then over organs (eq. 7).

    They sum to 1, or are all 0 where nothing was kept.
    """
    n_kept = kept.sum(0)  # per organ
    n_organs = (n_kept > 0).sum()
    return kept / (n_kept.clamp(min=1) * n_organs.clamp(min=1))
