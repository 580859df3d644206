"""Small teachers of the package's own."""

import math

import torch

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

SMALL_CONFIG = Sam3DConfig(
    image_size=32,
    embed_dim=96,
    depth=3,
    n_heads=4,
    global_attention_blocks=(2,),
    window_size=4,
    prompt_embed_dim=96,
    decoder_mlp_dim=256,
    iou_hidden_dim=64,
)


def build_small_teacher(seed: int) -> Sam3DTeacher:
    """Untrained teacher for patches of 32^3 voxels, 1.4 million parameters, the same for the same seed.

    Its answers depend on image, points and mask, but mean nothing.
    """
    teacher = Sam3DTeacher(SMALL_CONFIG)
    initialize(teacher, torch.Generator().manual_seed(seed))
    return teacher


def initialize(teacher: Sam3DTeacher, generator: torch.Generator) -> None:
    """Draw all weights anew, in place."""
    for name, tensor in sorted(teacher.state_dict().items()):
        tensor.copy_(_initial(name, tensor.shape, generator))


def _initial(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Values that keep activations near unit variance."""
    values = torch.randn(shape, generator=generator)
    if name.endswith(("gaussian_matrix", "token.weight", "tokens.weight")):
        return values
    if "rel_pos" in name or ("embed" in name and "patch_embed" not in name):
        return 0.3 * values
    if len(shape) == 1:
        return 0.1 * values + float(name.endswith("weight"))  # biases about 0, scales of norms about 1
    return values / math.sqrt(shape[1:].numel())
