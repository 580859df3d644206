"""The published image encoder, computed literally: padded windows and the whole attention matrix.

The slow side of comparisons with `nnunetv2_muduo.teachers.sam3d`, whose weights it uses; written from teachers.md
section 4.7, without any of the shortcuts of the package.
"""

import torch
from torch.nn import functional as F

from nnunetv2_muduo.teachers.sam3d.image_encoder import ImageEncoder
from nnunetv2_muduo.teachers.sam3d.relative_attention import RelativeAttention


def literal_encode(encoder: ImageEncoder, image: torch.Tensor) -> torch.Tensor:
    """Embedding [B, C, n, n, n] of [B, 1, S, S, S], as `encoder(image)` should give it."""
    tokens = encoder.patch_embed(image) + encoder.pos_embed
    for block in encoder.blocks:
        tokens = tokens + literal_attention(block.attn, block.norm1(tokens))
        tokens = tokens + block.mlp(block.norm2(tokens))
    return encoder.neck(tokens.movedim(-1, 1))


def literal_attention(attention: RelativeAttention, tokens: torch.Tensor) -> torch.Tensor:
    """Pad [B, n, n, n, dim] with zeros to the window, let all tokens attend to all, and drop the padding again."""
    grid, window = tokens.shape[1], attention.window_size
    padded = F.pad(tokens, (0, 0) + 3 * (0, window - grid))
    shape = padded.shape
    qkv = attention.qkv(padded).reshape(shape[0], window**3, 3, attention.n_heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    logits = (query / query.shape[-1] ** 0.5) @ key.transpose(-2, -1)
    add_position_terms(logits, query, attention)
    attended = logits.softmax(-1) @ value
    return attention.proj(attended.transpose(1, 2).reshape(shape))[:, :grid, :grid, :grid]


def add_position_terms(logits: torch.Tensor, query: torch.Tensor, attention: RelativeAttention) -> None:
    """Add the published relative position terms to `logits` [B, heads, N^3, N^3] in place.

    For query (d, h, w) and key (a, b, c): q(d, h, w) . Rd[d - c] + q(d, h, a) . Rh[h - c] + q(d, h, b) . Rw[b - c].
    """
    window = attention.window_size
    axis = torch.arange(window)
    offsets = axis[:, None] - axis + window - 1
    query = query.unflatten(2, (window, window, window))
    by_pair = logits.view(*logits.shape[:2], *[window] * 6)  # [B, heads, d, h, w, a, b, c]
    by_pair += torch.einsum("...dhwe,dce->...dhwc", query, attention.rel_pos_d[offsets])[..., None, None, :]
    by_pair += torch.einsum("...dhae,hce->...dhac", query, attention.rel_pos_h[offsets])[..., None, :, None, :]
    by_pair += torch.einsum("...dhbe,bce->...dhbc", query, attention.rel_pos_w[offsets])[..., None, None, :, :]
