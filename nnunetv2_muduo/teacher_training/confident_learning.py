"""Cross prompting confident learning: what labels of low quality teach (SegAnyPET, arXiv 2502.14351).

Published are several predictions of one object under different prompts, their variance in each voxel as uncertainty with its mean
as threshold, a label rectified by it, and the loss (2 L(prediction, y) + L(prediction, y_rectified)) / 3 of every prediction. The
text does not say how a label is rectified; the code does, in an expression that is always empty. Ours are (docs/teachers.md):

- the prompts: single clicks inside the label, each by itself. The rounds of a training are no independent witnesses, since their
  corrective clicks lead the answer to the label, whatever is wrong with it.
- `rectify`: where the answers are no more uncertain than on average, their mean takes the label's place.
"""

import torch
from torch import Tensor

from nnunetv2_muduo.teachers.click_rounds import logits_of_crop
from nnunetv2_muduo.teachers.clicks import interior_points
from nnunetv2_muduo.teachers.prompts import empty_mask_prompts
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

N_CLICKS = 4


def rectified_mask(
    teacher: Sam3DTeacher, embeddings: Tensor, truth_mask: Tensor, is_noisy: Tensor, generator: torch.Generator
) -> Tensor:
    """The labels [N, S, S, S], those of low quality rectified by answers to single clicks; empty ones stay empty.

    Args:
        embeddings: [N, C, n, n, n]; truth_mask: boolean [N, S, S, S].
        is_noisy: [N], which objects have a label of low quality.
    """
    asked = is_noisy & truth_mask.flatten(1).any(1)
    if not asked.any():
        return truth_mask
    rectified = truth_mask.clone()
    probs = answers_to_clicks(teacher, embeddings[asked].detach(), truth_mask[asked], generator)
    rectified[asked] = rectify(probs, truth_mask[asked])
    return rectified


@torch.no_grad()
def answers_to_clicks(
    teacher: Sam3DTeacher, embeddings: Tensor, truth_mask: Tensor, generator: torch.Generator
) -> Tensor:
    """Probabilities [N_CLICKS, N, S, S, S] after a click inside each organ, drawn anew for every answer."""
    no_mask = empty_mask_prompts(len(truth_mask), teacher.low_res_size, embeddings)
    clicks = [interior_points(truth_mask, 1, generator) for _ in range(N_CLICKS)]
    answers = [teacher.decode(embeddings, click, no_mask) for click in clicks]
    return torch.stack([logits_of_crop(answer, truth_mask.shape[-1]).sigmoid() for answer in answers])


def rectify(probs: Tensor, truth_mask: Tensor) -> Tensor:
    """Labels [N, *spatial] with the mean answer wherever answers differ no more than on average over the object's crop.

    Args:
        probs: [R, N, *spatial], one answer per prompt; truth_mask: [N, *spatial], boolean.
    """
    uncertainty = probs.var(0, unbiased=False).flatten(1)
    certain = uncertainty <= uncertainty.mean(1, keepdim=True)
    return torch.where(certain.view_as(truth_mask), probs.mean(0) > 0.5, truth_mask)
