"""The image encoder reproduces the public SAM-Med3D code, number by number."""

import torch
from fixtures.teachers import TOLERANCE, relative_error
from seeded_weights import seeded_patch


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
