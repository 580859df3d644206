"""A deepened teacher: the same answers at first, and new blocks that learn."""

from dataclasses import replace

import pytest
import torch

from benchmarks.small_teachers.deepening import deepened
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher

CONFIG = replace(SMALL_CONFIG, image_size=8, window_size=2, depth=3, global_attention_blocks=(0, 1, 2))


@pytest.fixture
def shallow():
    return untrained_teacher(CONFIG, 0).eval()


@pytest.mark.parametrize("depth", [3, 4, 5, 8])
def test_it_answers_as_before(shallow, depth):
    image = torch.randn(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    deeper = deepened(shallow, depth, 1).eval()
    assert len(deeper.image_encoder.blocks) == deeper.config.depth == depth
    with torch.no_grad():
        torch.testing.assert_close(deeper.encode(image), shallow.encode(image))
    own = {name for name, _ in shallow.named_parameters() if ".blocks." not in name}
    assert all(torch.equal(deeper.get_parameter(name), shallow.get_parameter(name)) for name in own)


def test_every_new_block_learns(shallow):
    deeper = deepened(shallow, 7, 1).requires_grad_(True)
    optimizer = torch.optim.SGD(deeper.parameters(), 0.1)
    for _ in range(2):  # in the first step the last layers alone: what comes before them is multiplied by zeros
        optimizer.zero_grad()
        deeper.encode(torch.randn(1, 1, 8, 8, 8))[:, 0].sum().backward()
        before = [block.attn.qkv.weight.clone() for block in deeper.image_encoder.blocks]
        optimizer.step()
    after = [block.attn.qkv.weight for block in deeper.image_encoder.blocks]
    assert not any(map(torch.equal, before, after))


def test_no_shallower_one(shallow):
    with pytest.raises(ValueError, match=r"3 blocks.* to 2"):
        deepened(shallow, 2, 0)
    windowed = untrained_teacher(replace(CONFIG, window_size=3, global_attention_blocks=(0, 1)), 0)
    with pytest.raises(ValueError, match=r"global \(0, 1\)"):
        deepened(windowed, 4, 0)
