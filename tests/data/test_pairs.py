import pytest
import torch

from nnunetv2_muduo.data.pairs import asked_map, valid_pairs

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


@pytest.mark.parametrize("valid_by", ["prompt_map", "student", "either"])
def test_the_map_that_is_asked_about_equals_a_loop_over_voxels(valid_by):
    generator = torch.Generator().manual_seed(0)
    prompt_map, student_map = (torch.randint(0, 6, (3, 1, 3, 3, 3), generator=generator) for _ in range(2))
    prompt_map[0][prompt_map[0] == 2] = 0
    prompt_map[2][prompt_map[2] == 5] = 0
    student_map[0][student_map[0] == 3] = 0
    prompt_map, before = prompt_map.to(torch.int16), prompt_map.clone()
    asked = asked_map(prompt_map, student_map, valid_by)
    assert torch.equal(prompt_map, before.to(torch.int16))
    for sample in range(3):
        own, seen = set(before[sample].unique().tolist()), set(student_map[sample].unique().tolist())
        for p, s, found in zip(
            before[sample].flatten().tolist(),
            student_map[sample].flatten().tolist(),
            asked[sample].flatten().tolist(),
            strict=True,
        ):
            kept = 0 if valid_by == "student" and p not in seen else p
            lacking = valid_by != "prompt_map" and kept == 0 and s not in own
            assert found == (s if lacking else kept)
    organs = {c for c in range(6) if c}
    n_pairs = {
        by: len(valid_pairs(asked_map(prompt_map, student_map, by), sorted(organs))) for by in ("student", "either")
    }
    assert n_pairs["either"] > n_pairs["student"]


def test_what_no_image_covers_is_no_organ():
    prompt_map = torch.full((1, 1, 2, 2, 2), -1, dtype=torch.int16)
    asked = asked_map(prompt_map, torch.zeros(1, 1, 2, 2, 2, dtype=torch.int64), "either")
    assert len(valid_pairs(asked, ORGANS)) == 0
