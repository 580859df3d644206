"""Selection of the (sample, organ) pairs that teach, and their weights in the loss (MuDuo, arXiv 2606.15611, eq. 5 and 7).

The paper ranks the pairs of a batch by the teachers' agreement. Scores that also ask what the student says, ranks among the
pairs of earlier batches, and weights that fall where the student is ahead are this package's own (docs/method.md).
"""

from typing import NamedTuple

import torch
from torch import Tensor

LEAD_DECAY = 0.99  # share of the old mean lead that remains with a batch in which an organ has a pair; less at first
FULL_DEFICIT = 0.2  # of the teachers' lead, in IoU, at which an organ has no weight any more


class Agreements(NamedTuple):
    """What is measured of the pairs of a batch, matrices [n_samples, n_organs] that are NaN where a pair is invalid.

    agreement: soft IoU of the two teachers' probabilities (eq. 4).
    with_student: IoU of a teacher's mask and the student's, mean over the teachers.
    lead: how much more the two teachers' masks agree with each other than with the student's.

    The latter two are NaN where the config asks for neither. They compare masks, since of soft maps, whose IoU with themselves
    is less than 1, that of a sure student and an unsure teacher is higher than that of two unsure teachers.
    """

    agreement: Tensor
    with_student: Tensor
    lead: Tensor


def pair_scores(measured: Agreements, kind: str, least_agreement: float = 0.0) -> Tensor:
    """What pairs are ranked by [n_samples, n_organs]; NaN where a pair is invalid, -inf below `least_agreement`.

    Args:
        kind: `agreement`, `difference` or `product`, as the config's `pair_score`.
    """
    if kind == "difference":
        scores = measured.lead
    elif kind == "product":
        scores = measured.agreement * (1 - measured.with_student)
    else:
        scores = measured.agreement
    return scores.masked_fill(measured.agreement < least_agreement, -torch.inf)


def select_pairs(scores: Tensor, how: str, threshold: float = 0.5, earlier: Tensor | None = None) -> Tensor:
    """The pairs that teach (eq. 5): per organ the best half of the valid samples, all of them, or those in agreement.

    Args:
        scores: [n_samples, n_organs] over the global batch, as `pair_scores` gives them; the paper's are the soft IoU of the
            two teachers. NaN marks an invalid pair, -inf one that never teaches.
        how: `best_half` (at least one sample of each organ that has a valid one), `best_half_of_memory` (those that are in
            the best half of batch and `earlier` together), `all`, or `threshold`.
        threshold: least score for `threshold`.
        earlier: scores of earlier pairs [n, n_organs], NaN where there are less than n.

    Returns:
        Boolean mask [n_samples, n_organs]; never true where the pair is invalid.
    """
    teaches = ~scores.isnan() & (scores > -torch.inf)
    if how == "all":
        return teaches
    if how == "threshold":
        return teaches & (scores >= threshold)
    ranked = torch.cat([scores, earlier]) if how == "best_half_of_memory" and earlier is not None else scores
    valid = ~ranked.isnan()
    n_kept = (valid.sum(0) // 2).clamp(min=1)
    order = ranked.masked_fill(~valid, -torch.inf).argsort(dim=0, descending=True, stable=True)
    rank = order.argsort(dim=0)  # rank[i, c]: how many samples have a better score of organ c than sample i
    return teaches & (rank[: len(scores)] < n_kept)


def remembered(earlier: Tensor, scores: Tensor) -> Tensor:
    """The last n scores of each organ [n, n_organs], NaN in front where there are less: `earlier` and those of a batch."""
    both = torch.cat([earlier, scores])
    order = both.isnan().logical_not().to(torch.uint8).argsort(dim=0, stable=True)  # what is no score goes to the front
    return both.gather(0, order)[len(scores) :]


def pair_weights(kept: Tensor, organ_weights: Tensor | None = None) -> Tensor:
    """Weights [n_samples, n_organs] of the kept pairs in a mean over samples of each organ, then over organs (eq. 7).

    They sum to 1, or are all 0 where nothing was kept; with `organ_weights` [n_organs], factors in [0, 1], to less.
    """
    n_kept = kept.sum(0)  # per organ
    n_organs = (n_kept > 0).sum()
    weights = kept / (n_kept.clamp(min=1) * n_organs.clamp(min=1))
    return weights if organ_weights is None else weights * organ_weights


def followed_lead(mean_lead: Tensor, n_batches: Tensor, lead: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the teachers' lead over the batches in which an organ has a pair, later a moving average: after a batch.

    Args:
        mean_lead: before the batch [n_organs]; NaN until an organ has had a pair.
        n_batches: in which each organ had a pair so far [n_organs].
        lead: of the batch [n_samples, n_organs].

    Returns:
        Both after the batch.
    """
    of_batch = lead.nanmean(0)
    seen = ~of_batch.isnan()
    n_batches = n_batches + seen
    new_share = (1 / n_batches.clamp(min=1)).clamp(min=1 - LEAD_DECAY)
    return torch.where(seen, mean_lead.nan_to_num().lerp(of_batch, new_share), mean_lead), n_batches


def weights_by_lead(mean_lead: Tensor) -> Tensor:
    """Weight of each organ [n_organs]: 1 while the teachers lead, falling to 0 as the student does by `FULL_DEFICIT`."""
    return (1 + mean_lead / FULL_DEFICIT).clamp(0, 1).nan_to_num(1.0)
