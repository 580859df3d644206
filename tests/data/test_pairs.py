import torch

from nnunetv2_muduo.data.pairs import valid_pairs

ORGANS = [1, 2, 3, 5]


def test_a_pair_is_valid_where_the_prompt_map_has_the_organ():
    prompt_map = torch.zeros(3, 1, 4, 4, 4, dtype=torch.int16)
    prompt_map[0, 0, 0, 0, :2] = torch.tensor([1, 5])
    prompt_map[2, 0, 1] = 3
    pairs = valid_pairs(prompt_map, ORGANS)
    assert list(zip(pairs.samples.tolist(), pairs.organs.tolist(), strict=True)) == [(0, 0), (0, 3), (2, 2)]
    assert [pairs.of_sample(i) for i in range(3)] == [slice(0, 2), slice(2, 2), slice(2, 3)]
    first, whole = slice(0, 1), slice(0, 4)
    assert pairs.boxes == (
        {0: (first, first, first), 3: (first, first, slice(1, 2))},
        {},
        {2: (slice(1, 2), whole, whole)},
    )


def test_matrix_round_trip():
    prompt_map = torch.randint(0, 6, (4, 1, 2, 2, 2), generator=torch.Generator().manual_seed(0))
    pairs = valid_pairs(prompt_map, ORGANS)
    values = torch.rand(len(pairs))
    matrix = pairs.as_matrix(values)
    assert torch.equal(pairs.from_matrix(matrix), values)
    assert (~matrix.isnan()).sum() == len(pairs)
