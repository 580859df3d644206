"""Image encoder: a vision transformer over cubic patches, and a convolutional neck."""

import torch
from torch import nn
from torch.nn import functional as F

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.layers import LayerNorm3d, TwoLayerPerceptron
from nnunetv2_muduo.teachers.sam3d.relative_attention import RelativeAttention


class PatchEmbedding(nn.Module):
    """One token per patch: [B, 1, S, S, S] -> [B, n, n, n, dim]."""

    def __init__(self, dim: int, patch_size: int):
        super().__init__()
        self.proj = nn.Conv3d(1, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.proj(image).movedim(1, -1).contiguous()  # else every layer norm copies its input


class EncoderBlock(nn.Module):
    """Attention and perceptron, each behind a layer norm and a residual connection."""

    def __init__(self, config: Sam3DConfig, window_size: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.attn = RelativeAttention(config.embed_dim, config.n_heads, window_size)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.mlp = TwoLayerPerceptron(config.embed_dim, config.mlp_ratio * config.embed_dim, F.gelu)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class ImageEncoder(nn.Module):
    """[B, 1, S, S, S] -> image embedding [B, C, n, n, n]; C channels and n^3 tokens by the config."""

    def __init__(self, config: Sam3DConfig):
        super().__init__()
        grid, dim = config.grid_size, config.embed_dim
        self.patch_embed = PatchEmbedding(dim, config.patch_size)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, grid, dim))
        windows = [grid if i in config.global_attention_blocks else config.window_size for i in range(config.depth)]
        self.blocks = nn.ModuleList(EncoderBlock(config, window) for window in windows)
        self.neck = nn.Sequential(
            nn.Conv3d(dim, config.prompt_embed_dim, kernel_size=1, bias=False),
            LayerNorm3d(config.prompt_embed_dim),
            nn.Conv3d(config.prompt_embed_dim, config.prompt_embed_dim, kernel_size=3, padding=1, bias=False),
            LayerNorm3d(config.prompt_embed_dim),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        with torch.autocast(tokens.device.type, enabled=False):  # what all masks of a patch depend on
            return self.neck(tokens.movedim(-1, 1))
