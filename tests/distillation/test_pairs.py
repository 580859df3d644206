import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_muduo.distillation.selection import pair_weights, select_pairs
from nnunetv2_muduo.teachers.pairs import valid_pairs

ORGANS = [1, 2, 3, 5]


def random_agreement(seed: int, n_samples: int, n_organs: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    agreement = rng.random((n_samples, n_organs)).astype(np.float32)
    agreement[rng.random((n_samples, n_organs)) < 0.3] = np.nan
    return torch.from_numpy(agreement)


def reference_best_half(agreement: np.ndarray) -> np.ndarray:
    kept = np.zeros(agreement.shape, bool)
    for organ in range(agreement.shape[1]):
        valid = [i for i in range(len(agreement)) if not np.isnan(agreement[i, organ])]
        best = sorted(valid, key=lambda i: -agreement[i, organ])
        kept[best[: max(1, len(valid) // 2)], organ] = True
    return kept


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


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 6))
def test_best_half_equals_sorting_by_hand(seed, n_samples, n_organs):
    agreement = random_agreement(seed, n_samples, n_organs)
    assert np.array_equal(select_pairs(agreement, "best_half").numpy(), reference_best_half(agreement.numpy()))


def test_one_of_two_equal_samples_is_kept():
    assert select_pairs(torch.tensor([[0.5], [0.5]]), "best_half").sum() == 1


def test_all_and_threshold():
    agreement = torch.tensor([[0.2, float("nan")], [0.5, 0.9]])
    assert select_pairs(agreement, "all").tolist() == [[True, False], [True, True]]
    assert select_pairs(agreement, "threshold", 0.5).tolist() == [[False, False], [True, True]]


@given(st.integers(0, 10_000), st.sampled_from(["best_half", "all", "threshold"]))
def test_invalid_pairs_are_never_kept(seed, how):
    agreement = random_agreement(seed, 5, 4)
    assert not (select_pairs(agreement, how) & agreement.isnan()).any()


@given(st.integers(0, 10_000))
def test_weights_are_a_mean_over_samples_then_over_present_organs(seed):
    kept = ~random_agreement(seed, 4, 5).isnan()
    values = np.random.default_rng(seed).random(kept.shape)
    organ_means = [values[kept[:, c].numpy(), c].mean() for c in range(5) if kept[:, c].any()]
    expected = np.mean(organ_means) if organ_means else 0.0
    assert (pair_weights(kept).double() * torch.from_numpy(values)).sum().item() == pytest.approx(expected, abs=1e-6)
