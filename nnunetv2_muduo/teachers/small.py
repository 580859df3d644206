"""Small teachers of the package's own: their sizes, and a network to be trained from scratch."""

import torch

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

SMALL_CONFIG = Sam3DConfig(
    image_size=24,
    patch_size=4,  # masks as fine as the image: at 10 mm, masks of half its resolution lose every organ a few voxels wide
    embed_dim=128,
    depth=4,
    n_heads=4,
    global_attention_blocks=(0, 1, 2, 3),
    window_size=6,
    prompt_embed_dim=96,
    mask_channels=32,
    decoder_n_heads=4,
    decoder_mlp_dim=256,
    iou_hidden_dim=64,
)

POSITION_SCALE = 0.5  # turns over half the image; more would tell neighboring tokens of a small grid too far apart


def untrained_teacher(config: Sam3DConfig, seed: int) -> Sam3DTeacher:
    """Teacher to be trained from scratch: PyTorch's own initial values, and random positional codes.

    The network exchanges the first two axes between the codes of points and of image tokens (docs/teachers.md). So
    that it needs to learn no more than a permutation, every random direction is there with these axes exchanged as well.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        teacher = Sam3DTeacher(config)
        directions = POSITION_SCALE * torch.randn(3, config.prompt_embed_dim // 6)
    codes = teacher.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    codes.copy_(torch.cat([directions, directions[[1, 0, 2]]], dim=1))
    return teacher
