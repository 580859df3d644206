"""Attention of the image encoder, with the padding of its windows collapsed into one key.

The published network zero-pads its token grid (edge n) to the window (edge N) and attends to all N^3 tokens. The
padding tokens all have the same key, value and query (the biases of `qkv`) and differ only in their relative position
terms. So their share of the softmax is that of one key, whose logit is the content term plus a log-sum-exp of the
position terms.

For query (d, h, w) and key (a, b, c) the position term is, with the indexing of SAM-Med3D's code (docs/teachers.md),

    T1[c] + T2[a, c] + T3[b, c]   where   T1[c]    = q(d, h, w) . Rd[d - c]
                                          T2[a, c] = q(d, h, a) . Rh[h - c]
                                          T3[b, c] = q(d, h, b) . Rw[b - c]

and q(d, h, i) is the query bias for i >= n. A key is padding when any of a, b, c is at least n. With the sums

    A_in  = sum over a < n of e^T2[a, c]      A_pad = the same over a >= n      B_in, B_pad = likewise over b of e^T3

all padding keys of one c weigh e^T1[c] times

    (A_in + A_pad) (B_in + B_pad)           where c >= n
    A_pad (B_in + B_pad) + A_in B_pad       where c <  n

which is computed on logarithms. All summands are positive, so nothing cancels.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class PositionTerms(NamedTuple):
    """Relative position terms of one grid, [B, heads, d, h, axis, c] with c over the window; axis is w, a, b < n."""

    along_w: torch.Tensor
    along_a: torch.Tensor
    along_b: torch.Tensor


def relative_table(rel_pos: torch.Tensor, n_queries: int) -> torch.Tensor:
    """Rows of `rel_pos` [2 N - 1, E] for query i < n_queries and key c < N, [n_queries, N, E]: row i - c + N - 1."""
    window = (rel_pos.shape[0] + 1) // 2
    index = torch.arange(window, device=rel_pos.device)
    return rel_pos[index[:n_queries, None] - index + window - 1]


class RelativeAttention(nn.Module):
    """Self-attention over a cubic grid of tokens inside a window at least as large.

    Args:
        dim: channels; n_heads: attention heads.
        window_size: edge of the window in tokens; a window as large as the grid means plain global attention.
    """

    def __init__(self, dim: int, n_heads: int, window_size: int):
        super().__init__()
        self.n_heads, self.window_size = n_heads, window_size
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        for axis in "dhw":
            self.register_parameter(f"rel_pos_{axis}", nn.Parameter(torch.zeros(2 * window_size - 1, dim // n_heads)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """[B, n, n, n, dim] -> the same shape."""
        shape, grid = tokens.shape, tokens.shape[1]
        qkv = self.qkv(tokens).reshape(shape[0], grid**3, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        with torch.autocast(tokens.device.type, enabled=False):  # position terms need their tables' float32
            attended = self._attend(*qkv.to(self.rel_pos_d.dtype), grid)
        return self.proj(attended.transpose(1, 2).reshape(shape))

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, grid: int) -> torch.Tensor:
        terms = self._position_terms(query.unflatten(2, (grid, grid, grid)))
        n_padding_keys = int(self.window_size > grid)
        bias = query.new_empty(*query.shape[:3], grid**3 + n_padding_keys)
        self._write_token_bias(terms, bias[..., : grid**3])
        if n_padding_keys:
            padding_query, padding_key, padding_value = self.qkv.bias.reshape(3, self.n_heads, -1)  # of a zero token
            bias[..., -1] = self._padding_bias(terms, padding_query).flatten(2)
            key = torch.cat([key, padding_key.unsqueeze(1).expand(len(key), -1, -1, -1)], dim=2)
            value = torch.cat([value, padding_value.unsqueeze(1).expand(len(value), -1, -1, -1)], dim=2)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)

    def _position_terms(self, query: torch.Tensor) -> PositionTerms:
        """Terms for the unscaled query [B, heads, n, n, n, E]."""
        grid = query.shape[2]
        tables = (relative_table(table, grid) for table in (self.rel_pos_d, self.rel_pos_h, self.rel_pos_w))
        products = ("bzdhwe,dce->bzdhwc", "bzdhae,hce->bzdhac", "bzdhke,kce->bzdhkc")
        return PositionTerms(*(torch.einsum(p, query, table) for p, table in zip(products, tables, strict=True)))

    @staticmethod
    def _write_token_bias(terms: PositionTerms, bias: torch.Tensor) -> None:
        """Fill [B, heads, n^3, n^3] with the bias between the grid's own tokens."""
        grid = terms.along_w.shape[2]
        along_w, along_a, along_b = (term[..., :grid] for term in terms)
        pairs = along_a.unsqueeze(-2) + along_b.unsqueeze(-3)  # [B, heads, d, h, a, b, c]
        by_axis = bias.unflatten(3, (grid, grid, grid)).unflatten(2, (grid, grid, grid))
        if pairs.requires_grad:  # writing into `out` has no gradient, but saves a copy
            by_axis.copy_(along_w[..., None, None, :] + pairs.unsqueeze(4))
        else:
            torch.add(along_w[..., None, None, :], pairs.unsqueeze(4), out=by_axis)

    def _padding_bias(self, terms: PositionTerms, padding_query: torch.Tensor) -> torch.Tensor:
        """Log-sum-exp of the position terms over all padding keys, per query: [B, heads, d, h, w]."""
        grid, window = terms.along_w.shape[2], self.window_size
        table_h = relative_table(self.rel_pos_h, grid)
        table_w = relative_table(self.rel_pos_w, window)[grid:]
        a_in, b_in = terms.along_a.logsumexp(-2), terms.along_b.logsumexp(-2)  # [B, heads, d, h, c]
        a_pad = math.log(window - grid) + torch.einsum("ze,hce->zhc", padding_query, table_h).unsqueeze(1)
        b_pad = torch.einsum("ze,kce->zkc", padding_query, table_w).logsumexp(1)[:, None, None]
        b_all = torch.logaddexp(b_in, b_pad)
        beyond = torch.logaddexp(a_in, a_pad) + b_all
        inside = torch.logaddexp(a_pad + b_all, a_in + b_pad)
        padding = torch.cat([inside[..., :grid], beyond[..., grid:]], dim=-1)
        return (terms.along_w + padding.unsqueeze(-2)).logsumexp(-1)
