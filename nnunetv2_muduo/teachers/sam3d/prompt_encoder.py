"""Prompt encoder: points become tokens, mask prompts become a dense embedding."""

import math

import torch
from torch import nn

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.layers import LayerNorm3d


class RandomPositionalEncoding(nn.Module):
    """[sin, cos, sin] of random projections of positions in the unit cube."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(3, dim // 3))

    def forward(self, positions: torch.Tensor) -> torch.Tensor:
        """Positions [..., 3] in 0..1 -> codes [..., dim]."""
        with torch.autocast(positions.device.type, enabled=False):  # angles of several turns need float32
            angles = 2 * math.pi * ((2 * positions - 1) @ self.positional_encoding_gaussian_matrix)
            return torch.cat([angles.sin(), angles.cos(), angles.sin()], dim=-1)


class PromptEncoder(nn.Module):
    """Sparse (point) and dense (mask) prompt embeddings."""

    def __init__(self, config: Sam3DConfig):
        super().__init__()
        dim, channels = config.prompt_embed_dim, config.mask_channels
        self.image_size, self.grid_size = config.image_size, config.grid_size
        self.pe_layer = RandomPositionalEncoding(dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(2))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv3d(1, channels // 4, kernel_size=2, stride=2),
            LayerNorm3d(channels // 4),
            nn.GELU(),
            nn.Conv3d(channels // 4, channels, kernel_size=2, stride=2),
            LayerNorm3d(channels),
            nn.GELU(),
            nn.Conv3d(channels, dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def dense_positions(self) -> torch.Tensor:
        """Positional encoding of the token grid, [1, C, n, n, n].

        Axes 0 and 1 are exchanged, as the public weights were trained: the code of a point (i, j, k) is found here at
        (j, i, k) (docs/teachers.md, "Positional codes").
        """
        device = self.no_mask_embed.weight.device
        centers = torch.arange(self.grid_size, device=device, dtype=self.no_mask_embed.weight.dtype) + 0.5
        axis_0, axis_1, axis_2 = torch.meshgrid(*[centers / self.grid_size] * 3, indexing="ij")
        return self.pe_layer(torch.stack([axis_1, axis_0, axis_2], dim=-1)).movedim(-1, 0).unsqueeze(0)

    def embed_points(self, coordinates: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Tokens [N, K + 1, C] of points [N, K, 3] (array indices) with labels [N, K] (1, 0, or -1: not a point).

        The one token more is the "not a point" that the network was trained to find wherever no box is given.
        """
        coordinates = coordinates.to(self.no_mask_embed.weight.dtype)
        codes = self.pe_layer((coordinates + 0.5) / self.image_size)
        labels = labels.unsqueeze(-1)
        negative, positive = (embedding.weight for embedding in self.point_embeddings)
        codes = codes + torch.where(labels == 1, positive, 0.0) + torch.where(labels == 0, negative, 0.0)
        no_point = self.not_a_point_embed.weight
        codes = torch.where(labels == -1, no_point, codes)
        return torch.cat([codes, no_point.expand(len(codes), 1, -1)], dim=1)

    def embed_masks(self, masks: torch.Tensor) -> torch.Tensor:
        """Dense embedding [N, C, n, n, n] of mask prompts [N, 1, 4n, 4n, 4n] (logits)."""
        return self.mask_downscaling(masks)

    def embed_no_mask(self) -> torch.Tensor:
        """Dense embedding [1, C, 1, 1, 1] that stands for "no mask prompt"."""
        return self.no_mask_embed.weight.reshape(1, -1, 1, 1, 1)
