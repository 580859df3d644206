import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_muduo.distillation.selection import pair_weights, select_pairs


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
