"""The mask decoder reproduces the public SAM-Med3D code, number by number."""

import pytest
import torch
from fixtures.teachers import TOLERANCE, relative_error


def decoder_outputs(teacher, embedding, points=None, masks=None, multimask_output=False):
    """Logits and predicted IoU straight from the decoder; `decode` gives the logits alone."""
    encoder = teacher.prompt_encoder
    dense = encoder.embed_no_mask() if masks is None else encoder.embed_masks(masks)
    sparse = embedding.new_empty(len(masks), 0, embedding.shape[1]) if points is None else encoder.embed_points(*points)
    return teacher.mask_decoder(embedding + dense, encoder.dense_positions(), sparse, multimask_output)


@pytest.mark.parametrize("kind", ["points", "mask", "both"])
@torch.inference_mode()
def test_decoder(golden_teacher, golden, kind):
    points = None if kind == "mask" else (golden["points"], golden["point_labels"])
    masks = None if kind == "points" else golden["mask_prompt"]
    logits = golden_teacher.decode(golden["image_embedding"], points, masks)
    assert relative_error(logits, golden[f"low_res_{kind}"]) < TOLERANCE
    both, iou = decoder_outputs(golden_teacher, golden["image_embedding"], points, masks)
    assert relative_error(iou, golden[f"iou_{kind}"]) < TOLERANCE
    assert torch.equal(both, logits)


@torch.inference_mode()
def test_multimask_output(golden_teacher, golden):
    points = golden["points"][:1], golden["point_labels"][:1]
    logits = golden_teacher.decode(golden["image_embedding"], points, multimask_output=True)
    _, iou = decoder_outputs(golden_teacher, golden["image_embedding"], points, multimask_output=True)
    assert relative_error(logits, golden["low_res_multimask"]) < TOLERANCE
    assert relative_error(iou, golden["iou_multimask"]) < TOLERANCE
