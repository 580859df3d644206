"""What training asks of the network beyond inference: gradients, and prompts of several patches at once."""

import pytest
import torch

from nnunetv2_muduo.teachers.sam3d import model
from nnunetv2_muduo.teachers.sam3d.relative_attention import RelativeAttention


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


def test_prompts_of_several_patches_are_those_of_each(tiny_teacher, generator, monkeypatch):
    monkeypatch.setattr(model, "PROMPTS_PER_CHUNK", 2)
    embeddings = tiny_teacher.encode(torch.randn(3, 1, 16, 16, 16, generator=generator))
    points = 16 * torch.rand(5, 2, 3, generator=generator), torch.ones(5, 2)
    masks = torch.randn(5, 1, 16, 16, 16, generator=generator)
    crop_index = torch.tensor([0, 0, 1, 2, 2])
    together = tiny_teacher.decode(embeddings[crop_index], points, masks)
    for n, crop in enumerate(crop_index.tolist()):
        one = slice(n, n + 1)
        alone = tiny_teacher.decode(embeddings[crop : crop + 1], (points[0][one], points[1][one]), masks[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="give each of the 5 prompts its own"):
        tiny_teacher.decode(embeddings, points, masks)


def test_positional_codes_know_the_exchange_of_axes(tiny_teacher, generator):
    """What lets a teacher learn points from scratch: the code of (j, i, k) is a permutation of that of (i, j, k)."""
    positions = torch.rand(20, 3, generator=generator)
    encoder = tiny_teacher.prompt_encoder.pe_layer
    codes, exchanged = encoder(positions), encoder(positions[:, [1, 0, 2]])
    third = codes.shape[1] // 3
    swap = torch.cat([torch.arange(third).roll(third // 2) + start for start in (0, third, 2 * third)])
    torch.testing.assert_close(exchanged, codes[:, swap])
    assert codes.std(0).min() > 0.1
