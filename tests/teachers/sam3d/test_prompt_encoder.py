"""The prompt encoder reproduces the public SAM-Med3D code, number by number."""

import torch
from fixtures.teachers import TOLERANCE, relative_error


def test_dense_positions(golden_teacher, golden):
    assert relative_error(golden_teacher.prompt_encoder.dense_positions()[0, ::8], golden["dense_pe"]) < TOLERANCE


def test_point_code_is_the_dense_code_with_axes_0_and_1_exchanged(golden_teacher):
    # a voxel in the middle of token (i, j, k) lies at (16 i + 7.5, ...), since half a voxel is added before scaling
    encoder = golden_teacher.prompt_encoder
    token = torch.tensor([1, 6, 3])
    code = encoder.embed_points(16 * token.view(1, 1, 3) + 7.5, torch.ones(1, 1))[0, 0]
    expected = encoder.dense_positions()[0, :, 6, 1, 3] + encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(code, expected, rtol=1e-4, atol=1e-4)


def test_positional_codes_know_the_exchange_of_axes(tiny_teacher, generator):
    """What lets a teacher learn points from scratch: the code of (j, i, k) is a permutation of that of (i, j, k)."""
    positions = torch.rand(20, 3, generator=generator)
    encoder = tiny_teacher.prompt_encoder.pe_layer
    codes, exchanged = encoder(positions), encoder(positions[:, [1, 0, 2]])
    third = codes.shape[1] // 3
    swap = torch.cat([torch.arange(third).roll(third // 2) + start for start in (0, third, 2 * third)])
    torch.testing.assert_close(exchanged, codes[:, swap])
    assert codes.std(0).min() > 0.1
