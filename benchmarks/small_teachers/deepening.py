"""A deeper teacher that begins with the answers of a shallower one, so that a stage loses nothing of those before it."""

from dataclasses import replace

import torch
from torch import nn

from nnunetv2_muduo.teachers.sam3d.image_encoder import EncoderBlock
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher


def deepened(teacher: Sam3DTeacher, depth: int, seed: int) -> Sam3DTeacher:
    """The teacher with `depth` blocks in its image encoder, of which the new ones, spread evenly, add nothing yet.

    Both parts of a block end in a linear layer whose output is added to the tokens. Where that begins with zeros the block
    passes its tokens on, and learns all the same.

    Raises:
        ValueError: the encoder has more blocks, or one that attends within a window.
    """
    config, before = teacher.config, teacher.config.depth
    if depth < before or len(config.global_attention_blocks) < before:
        raise ValueError(
            f"can't deepen an encoder of {before} blocks, global {config.global_attention_blocks}, to {depth}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        deeper = Sam3DTeacher(replace(config, depth=depth, global_attention_blocks=tuple(range(depth))))
    old, new = teacher.image_encoder.blocks, deeper.image_encoder.blocks
    places = [number * depth // before for number in range(before)]
    others = {name: value for name, value in teacher.state_dict().items() if ".blocks." not in name}
    deeper.load_state_dict(others, strict=False)
    for place in range(depth):
        if place in places:
            new[place].load_state_dict(old[places.index(place)].state_dict())
        else:
            _add_nothing(new[place])
    return deeper


def _add_nothing(block: EncoderBlock) -> None:
    for last in (block.attn.proj, block.mlp.lin2):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
