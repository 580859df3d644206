"""The architecture reproduces the public SAM-Med3D code, number by number."""

import pytest
import torch
from seeded_weights import seeded_patch

TOLERANCE = 1e-5


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    assert value.shape == expected.shape
    return ((value - expected).norm() / expected.norm()).item()


def test_names_and_shapes_are_the_public_checkpoints(golden_teacher, layout):
    assert {name: list(x.shape) for name, x in golden_teacher.state_dict().items()} == layout


@torch.inference_mode()
def test_image_encoder_and_its_first_blocks(golden_teacher, golden):
    outputs = {}
    handles = [
        golden_teacher.image_encoder.blocks[i].register_forward_hook(lambda _, __, out, i=i: outputs.update({i: out}))
        for i in range(3)
    ]
    embedding = golden_teacher.encode(torch.from_numpy(seeded_patch(0)))
    for handle in handles:
        handle.remove()
    for i in range(3):
        assert relative_error(outputs[i][0, ::3, ::3, ::3, ::16], golden[f"after_block_{i}"]) < TOLERANCE
    assert relative_error(embedding, golden["image_embedding"]) < TOLERANCE


def test_dense_positions(golden_teacher, golden):
    assert relative_error(golden_teacher.prompt_encoder.dense_positions()[0, ::8], golden["dense_pe"]) < TOLERANCE


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


def test_point_code_is_the_dense_code_with_axes_0_and_1_exchanged(golden_teacher):
    # a voxel in the middle of token (i, j, k) lies at (16 i + 7.5, ...), since half a voxel is added before scaling
    encoder = golden_teacher.prompt_encoder
    token = torch.tensor([1, 6, 3])
    code = encoder.embed_points(16 * token.view(1, 1, 3) + 7.5, torch.ones(1, 1))[0, 0]
    expected = encoder.dense_positions()[0, :, 6, 1, 3] + encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(code, expected, rtol=1e-4, atol=1e-4)
