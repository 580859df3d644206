"""The published network, computed literally: padded windows, whole attention matrices, one prompt at a time.

The slow side of comparisons with `nnunetv2_muduo.teachers.sam3d`, whose weights it uses; written from
docs/teachers.md ("Answers", "Attention"), without any of the shortcuts of the package.
"""

import torch
from torch.nn import functional as F

from nnunetv2_muduo.teachers.sam3d.image_encoder import ImageEncoder
from nnunetv2_muduo.teachers.sam3d.model import Points, Sam3DTeacher
from nnunetv2_muduo.teachers.sam3d.relative_attention import RelativeAttention
from nnunetv2_muduo.teachers.sam3d.transformer import CrossAttention, TwoWayTransformer


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
    logits = with_position_terms((query / query.shape[-1] ** 0.5) @ key.transpose(-2, -1), query, attention)
    attended = logits.softmax(-1) @ value
    return attention.proj(attended.transpose(1, 2).reshape(shape))[:, :grid, :grid, :grid]


def with_position_terms(logits: torch.Tensor, query: torch.Tensor, attention: RelativeAttention) -> torch.Tensor:
    """`logits` [B, heads, N^3, N^3] plus the published relative position terms, each added to the whole matrix.

    For query (d, h, w) and key (a, b, c): q(d, h, w) . Rd[d - c] + q(d, h, a) . Rh[h - c] + q(d, h, b) . Rw[b - c].
    """
    window = attention.window_size
    axis = torch.arange(window, device=logits.device)
    offsets = axis[:, None] - axis + window - 1
    query = query.unflatten(2, (window, window, window))
    along_w = torch.einsum("...dhwe,dce->...dhwc", query, attention.rel_pos_d[offsets])[..., None, None, :]
    along_a = torch.einsum("...dhae,hce->...dhac", query, attention.rel_pos_h[offsets])[..., None, :, None, :]
    along_b = torch.einsum("...dhbe,bce->...dhbc", query, attention.rel_pos_w[offsets])[..., None, None, :, :]
    by_pair = logits.view(*logits.shape[:2], *[window] * 6)  # [B, heads, d, h, w, a, b, c]
    return (by_pair + along_w + along_a + along_b).view(logits.shape)


def literal_decode(
    teacher: Sam3DTeacher, embedding: torch.Tensor, points: Points | None, mask: torch.Tensor
) -> torch.Tensor:
    """Logits [1, 1, s, s, s] of one prompt, as `teacher.decode` should give them.

    Args:
        embedding: [1, C, n, n, n]; points: coordinates [1, K, 3] and labels [1, K], or None; mask: [1, 1, s, s, s].
    """
    prompts, decoder = teacher.prompt_encoder, teacher.mask_decoder
    image = embedding + prompts.embed_masks(mask)
    tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])[None]
    if points is not None:
        tokens = torch.cat([tokens, prompts.embed_points(*points)], dim=1)
    positions = prompts.dense_positions().flatten(2).transpose(1, 2)
    tokens, decoded = literal_transformer(decoder.transformer, tokens, image.flatten(2).transpose(1, 2), positions)
    features = decoder.output_upscaling(decoded.transpose(1, 2).reshape(image.shape))
    vectors = torch.stack([mlp(tokens[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1)
    masks = torch.einsum("nmc,ncxyz->nmxyz", vectors, features)  # all four, of which the first is kept
    return masks[:, :1]


def literal_transformer(
    transformer: TwoWayTransformer, tokens: torch.Tensor, image: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [1, T, C] and image [1, L, C] after all two-way layers and the last attention."""
    first_tokens = tokens
    for i, layer in enumerate(transformer.layers):
        located = tokens + first_tokens
        attended = _attend(layer.self_attn, *((tokens, tokens) if i == 0 else (located, located)), tokens)
        tokens = layer.norm1(attended if i == 0 else tokens + attended)
        attended = _attend(layer.cross_attn_token_to_image, tokens + first_tokens, image + positions, image)
        tokens = layer.norm2(tokens + attended)
        tokens = layer.norm3(tokens + layer.mlp(tokens))
        attended = _attend(layer.cross_attn_image_to_token, image + positions, tokens + first_tokens, tokens)
        image = layer.norm4(image + attended)
    attended = _attend(transformer.final_attn_token_to_image, tokens + first_tokens, image + positions, image)
    return transformer.norm_final_attn(tokens + attended), image


def _attend(attention: CrossAttention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    projected = (attention.q_proj(query), attention.k_proj(key), attention.v_proj(value))
    query, key, value = (x.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2) for x in projected)
    weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    return attention.out_proj((weights @ value).transpose(1, 2).flatten(2))
