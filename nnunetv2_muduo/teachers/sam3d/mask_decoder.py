"""Mask decoder: image embedding and prompts to low-resolution logits."""

import torch
from torch import nn
from torch.nn import functional as F

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.layers import LayerNorm3d, Perceptron
from nnunetv2_muduo.teachers.sam3d.transformer import TwoWayTransformer


class MaskDecoder(nn.Module):
    """Masks as products of upscaled image features with one vector per mask token."""

    def __init__(self, config: Sam3DConfig):
        super().__init__()
        dim, n_masks = config.prompt_embed_dim, config.n_multimask_outputs + 1
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(n_masks, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose3d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm3d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose3d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(Perceptron(dim, dim, dim // 8) for _ in range(n_masks))
        self.iou_prediction_head = Perceptron(dim, config.iou_hidden_dim, n_masks)

    def forward(
        self, image: torch.Tensor, image_positions: torch.Tensor, sparse: torch.Tensor, multimask_output: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N prompts of one image.

        Args:
            image: embedding plus dense prompt, [1 or N, C, n, n, n]; image_positions: [1, C, n, n, n].
            sparse: prompt tokens, [N, T, C]; T may be 0.
            multimask_output: the masks of tokens 1.. instead of the one of token 0.

        Returns:
            Logits [N, n_masks, 4n, 4n, 4n] and predicted IoU [N, n_masks].
        """
        own_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(len(sparse), -1, -1)
        tokens = torch.cat([own_tokens, sparse], dim=1)
        tokens, decoded = self.transformer(tokens, *(x.flatten(2).transpose(1, 2) for x in (image, image_positions)))
        selected = range(1, len(self.mask_tokens.weight)) if multimask_output else range(1)
        vectors = torch.stack([self.output_hypernetworks_mlps[i](tokens[:, 1 + i]) for i in selected], dim=2)
        logits = _in_place(self._upscale(decoded).flatten(1, 3) @ vectors, image.shape[2:])
        return logits, self.iou_prediction_head(tokens[:, 0])[:, selected.start : selected.stop]

    def _upscale(self, image_tokens: torch.Tensor) -> torch.Tensor:
        """`output_upscaling` of tokens [N, L, C], each token's voxels still together: [N, L, 8, 8, C / 8].

        Both convolutions have stride and kernel of 2, so that no voxel depends on another token, and layer norm and GELU act
        on single voxels: all of it is matrix products, and only the logits are to be laid out as a volume.
        """
        coarse_convolution, norm, gelu, fine_convolution, _ = self.output_upscaling
        coarse = F.layer_norm(
            _children(image_tokens, coarse_convolution), norm.weight.shape, norm.weight, norm.bias, norm.eps
        )
        return gelu(_children(gelu(coarse), fine_convolution))


def _children(voxels: torch.Tensor, convolution: nn.ConvTranspose3d) -> torch.Tensor:
    """The 8 voxels [..., 8, C_out] that a convolution with stride and kernel of 2 makes of each voxel [..., C_in]."""
    weight = convolution.weight.flatten(2).permute(2, 1, 0)  # [8, C_out, C_in]
    bias = convolution.bias.repeat(len(weight))
    return F.linear(voxels, weight.flatten(0, 1), bias).unflatten(-1, weight.shape[:2])


def _in_place(values: torch.Tensor, grid: torch.Size) -> torch.Tensor:
    """Values [N, L * 8 * 8, M] of each token's voxels, coarse and fine, as volumes [N, M, 4a, 4b, 4c] of a grid (a, b, c)."""
    nested = values.unflatten(1, (*grid, 2, 2, 2, 2, 2, 2))
    volumes = nested.permute(0, 10, 1, 4, 7, 2, 5, 8, 3, 6, 9)
    return volumes.flatten(8, 10).flatten(5, 7).flatten(2, 4)
