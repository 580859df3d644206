"""Windowed attention with collapsed padding equals attention over the padded window, computed literally."""

import itertools

import numpy as np
import pytest
import torch

from benchmarks.speed.literal_sam3d import literal_attention, literal_encode, with_position_terms
from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.sam3d.relative_attention import RelativeAttention


def random_attention(window: int, generator: torch.Generator, scale: float = 1.0) -> RelativeAttention:
    attention = RelativeAttention(dim=12, n_heads=3, window_size=window).double()
    for parameter in attention.parameters():
        parameter.data = scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return attention.requires_grad_(False)


@pytest.mark.parametrize(("grid", "window"), [(1, 2), (2, 3), (2, 7), (3, 3), (3, 4), (4, 6)])
def test_collapse_equals_padded_attention(grid, window, generator):
    attention = random_attention(window, generator)
    tokens = torch.randn(2, grid, grid, grid, 12, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(attention(tokens), literal_attention(attention, tokens), rtol=1e-10, atol=1e-10)


def test_collapse_with_position_terms_beyond_the_range_of_exp(generator):
    attention = random_attention(5, generator)
    for table in (attention.rel_pos_d, attention.rel_pos_h, attention.rel_pos_w):
        table *= 300
    tokens = torch.randn(2, 3, 3, 3, 12, generator=generator, dtype=torch.float64)
    collapsed = attention(tokens)
    assert collapsed.isfinite().all()
    torch.testing.assert_close(collapsed, literal_attention(attention, tokens), rtol=1e-9, atol=1e-9)


def test_padding_matters(generator):
    attention = random_attention(4, generator)
    tokens = torch.randn(1, 2, 2, 2, 12, generator=generator, dtype=torch.float64)
    padded = attention(tokens)
    for axis in "dhw":  # the central rows are those of a window without padding
        setattr(attention, f"rel_pos_{axis}", torch.nn.Parameter(getattr(attention, f"rel_pos_{axis}")[2:-2], False))
    attention.window_size = 2
    assert (padded - attention(tokens)).abs().max() > 0.1


def test_literal_position_terms_follow_the_published_formula(generator):
    n = 3
    attention = random_attention(n, generator)
    query = torch.randn(1, 3, n**3, 4, generator=generator, dtype=torch.float64)
    logits = torch.zeros(1, 3, n**3, n**3, dtype=torch.float64)
    logits = with_position_terms(logits, query, attention)
    table_d, table_h, table_w = (getattr(attention, f"rel_pos_{axis}").numpy() for axis in "dhw")
    q = query[0].reshape(3, n, n, n, 4).numpy()
    expected = np.zeros((3, *[n] * 6))
    for d, h, w, a, b, c in itertools.product(range(n), repeat=6):
        expected[:, d, h, w, a, b, c] = (
            q[:, d, h, w] @ table_d[d - c + n - 1]
            + q[:, d, h, a] @ table_h[h - c + n - 1]
            + q[:, d, h, b] @ table_w[b - c + n - 1]
        )
    np.testing.assert_allclose(logits[0].reshape(expected.shape).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("window", [2, 14])
def test_whole_encoder_equals_the_literal_one(window, generator):
    config = Sam3DConfig(
        image_size=8, patch_size=4, embed_dim=24, depth=3, n_heads=2, global_attention_blocks=(1,), window_size=window,
        prompt_embed_dim=48,
    )  # fmt: skip
    encoder = Sam3DTeacher(config).double().image_encoder
    for parameter in encoder.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    image = torch.randn(2, 1, 8, 8, 8, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encoder(image), literal_encode(encoder, image), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", [2, 3])
def test_attention_has_the_right_gradients(window, generator):
    attention = RelativeAttention(dim=4, n_heads=2, window_size=window).double()
    for parameter in attention.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    tokens = torch.randn(1, 2, 2, 2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        expected = attention(tokens)
    torch.testing.assert_close(attention(tokens), expected)
    names = [name for name, _ in attention.named_parameters()]

    def run(tokens, *parameters):
        return torch.func.functional_call(attention, dict(zip(names, parameters, strict=True)), (tokens,))

    torch.autograd.gradcheck(run, (tokens, *attention.parameters()), fast_mode=True)
