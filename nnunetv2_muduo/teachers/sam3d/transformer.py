"""Two-way transformer of the mask decoder: prompt tokens and image tokens attend to each other.

The image tokens enter with batch 1 where nothing about them depends on the prompt yet; they take the prompts' batch at
the first attention from image to tokens. Until then their share of the work is done once for all prompts.
"""

import torch
from torch import nn
from torch.nn import functional as F

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.layers import TwoLayerPerceptron


class CrossAttention(nn.Module):
    """Multi-head attention with an inner width; a batch of 1 on either side serves the whole batch of the other."""

    def __init__(self, dim: int, inner_dim: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.q_proj = nn.Linear(dim, inner_dim)
        self.k_proj = nn.Linear(dim, inner_dim)
        self.v_proj = nn.Linear(dim, inner_dim)
        self.out_proj = nn.Linear(inner_dim, dim)

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Query [N, L, C], key and value [N, M, C] -> [N, L, C]."""
        batch = max(len(query), len(key))
        projected = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        heads = (x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2).expand(batch, -1, -1, -1) for x in projected)
        return self.out_proj(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    """Self-attention of the tokens, tokens to image, perceptron on the tokens, image to tokens."""

    def __init__(self, config: Sam3DConfig, is_first: bool):
        super().__init__()
        dim, n_heads = config.prompt_embed_dim, config.decoder_n_heads
        self.is_first = is_first
        self.self_attn = CrossAttention(dim, dim, n_heads)
        self.cross_attn_token_to_image = CrossAttention(dim, dim // 2, n_heads)
        self.mlp = TwoLayerPerceptron(dim, config.decoder_mlp_dim, F.relu)
        self.cross_attn_image_to_token = CrossAttention(dim, dim // 2, n_heads)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(dim) for _ in range(4))

    def forward(
        self, tokens: torch.Tensor, image: torch.Tensor, token_positions: torch.Tensor, image_positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [N, T, C] and image [1 or N, L, C] -> both updated, [N, T, C] and [N, L, C]."""
        tokens = self.norm1(self._self_attention(tokens, token_positions))
        located_image = image + image_positions
        update = self.cross_attn_token_to_image(tokens + token_positions, located_image, image)
        tokens = self.norm2(tokens + update)
        tokens = self.norm3(tokens + self.mlp(tokens))
        update = self.cross_attn_image_to_token(located_image, tokens + token_positions, tokens)
        return tokens, self.norm4(image + update)

    def _self_attention(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        if self.is_first:  # the tokens still are their own positions: no addition, no residual
            return self.self_attn(tokens, tokens, tokens)
        located = tokens + positions
        return tokens + self.self_attn(located, located, tokens)


class TwoWayTransformer(nn.Module):
    """All two-way layers and a last attention from tokens to image."""

    def __init__(self, config: Sam3DConfig):
        super().__init__()
        dim = config.prompt_embed_dim
        self.layers = nn.ModuleList(TwoWayLayer(config, is_first=i == 0) for i in range(config.decoder_depth))
        self.final_attn_token_to_image = CrossAttention(dim, dim // 2, config.decoder_n_heads)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(
        self, tokens: torch.Tensor, image: torch.Tensor, image_positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [N, T, C], image [1 or N, L, C], positions [1, L, C] -> tokens [N, T, C], image [N, L, C]."""
        token_positions = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_positions, image_positions)
        update = self.final_attn_token_to_image(tokens + token_positions, image + image_positions, image)
        return self.norm_final_attn(tokens + update), image
