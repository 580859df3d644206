"""The filter against loops over organs and lists of their scores."""

from collections import defaultdict

import numpy as np
import pytest
import torch

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.distillation.pair_filter import PairFilter

N_ORGANS = 4


def batches(n: int, n_samples: int = 3, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Agreements of teachers, and of teachers and student; an organ is missing now and then, one always."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        agreement, with_student = rng.random((2, n_samples, N_ORGANS)).astype(np.float32)
        missing = rng.random((n_samples, N_ORGANS)) < 0.4
        missing[:, -1] = True
        agreement[missing] = with_student[missing] = np.nan
        found.append((torch.from_numpy(agreement), torch.from_numpy(with_student)))
    return found


def score(kind: str, agreement: float, with_student: float) -> float:
    return {
        "agreement": agreement,
        "difference": agreement - with_student,
        "product": agreement * (1 - with_student),
    }[kind]


@pytest.mark.parametrize("kind", ["agreement", "difference", "product"])
@pytest.mark.parametrize("least", [0.0, 0.3])
@pytest.mark.parametrize("n_remembered", [0, 5])
def test_choice_equals_a_loop(kind, least, n_remembered):
    how = "best_half_of_memory" if n_remembered else "best_half"
    config = MuDuoConfig(pair_score=kind, least_agreement=least, kept_pairs=how, score_memory=n_remembered or 1)
    pair_filter = PairFilter(config, N_ORGANS, torch.device("cpu"))
    memory = defaultdict(list)
    n_kept = 0
    for agreement, with_student in batches(12):
        kept = pair_filter.choose(agreement, with_student)
        pair_filter.remember(agreement, with_student)
        for organ in range(N_ORGANS):
            valid = [i for i in range(3) if not agreement[i, organ].isnan()]
            scores = {i: score(kind, float(agreement[i, organ]), float(with_student[i, organ])) for i in valid}
            scores = {i: s if agreement[i, organ] >= least else -np.inf for i, s in scores.items()}
            everyone = [*scores.values(), *memory[organ]]
            n_best = max(1, len(everyone) // 2)
            for i in range(3):
                best = i in scores and sum(s > scores[i] for s in everyone) < n_best
                assert bool(kept[i, organ]) == (best and scores[i] > -np.inf), (i, organ)
            memory[organ] = [*memory[organ], *scores.values()][-n_remembered:] if n_remembered else []
        n_kept += int(kept.sum())
    assert n_kept > 0


def test_a_lone_pair_needs_the_least_agreement():
    agreement, unknown = torch.tensor([[0.1], [torch.nan]]), torch.full((2, 1), torch.nan)
    for least, kept in [(0.0, True), (0.15, False)]:
        for how in ("best_half", "best_half_of_memory", "all", "threshold"):
            config = MuDuoConfig(least_agreement=least, kept_pairs=how, agreement_threshold=0.05)
            chosen = PairFilter(config, 1, torch.device("cpu")).choose(agreement, unknown)
            assert chosen.tolist() == [[kept], [False]], how


def test_a_lone_pair_is_measured_against_those_before_it():
    config = MuDuoConfig(kept_pairs="best_half_of_memory", score_memory=10)
    pair_filter, unknown = PairFilter(config, 1, torch.device("cpu")), torch.full((1, 1), torch.nan)
    kept = []
    for agreement in (0.5, 0.2, 0.6, 0.3, 0.55):
        kept += pair_filter.choose(torch.tensor([[agreement]]), unknown).flatten().tolist()
        pair_filter.remember(torch.tensor([[agreement]]), unknown)
    assert kept == [True, False, True, False, True]


def test_one_teacher_keeps_all_whatever_the_score():
    config = MuDuoConfig(teachers="ct", pair_score="product", organ_weights="by_lead", least_agreement=0.2)
    pair_filter = PairFilter(config, 1, torch.device("cpu"))
    agreement, unknown = torch.ones(2, 1), torch.full((2, 1), torch.nan)
    kept = pair_filter.choose(agreement, unknown)
    pair_filter.remember(agreement, unknown)
    assert kept.all()
    assert pair_filter.weights(kept).tolist() == [[0.5], [0.5]]


def test_organs_on_which_the_student_leads_lose_their_weight():
    pair_filter = PairFilter(MuDuoConfig(organ_weights="by_lead"), N_ORGANS, torch.device("cpu"))
    means: list[float | None] = [None] * N_ORGANS
    for agreement, with_student in batches(30):
        pair_filter.remember(agreement, with_student)
        for organ in range(N_ORGANS):
            leads = [float(a - s) for a, s in zip(agreement[:, organ], with_student[:, organ], strict=True) if a == a]
            if leads:
                before, now = means[organ], float(np.mean(leads))
                means[organ] = now if before is None else 0.99 * before + 0.01 * now
    expected = [1.0 if mean is None else min(1.0, max(0.0, 1 + mean / 0.2)) for mean in means]
    kept = torch.ones(1, N_ORGANS, dtype=torch.bool)
    np.testing.assert_allclose(pair_filter.weights(kept)[0].numpy(), np.array(expected) / N_ORGANS, rtol=1e-5)
    assert min(expected) < 0.95 < max(expected)
    assert expected[-1] == 1  # never seen


def test_by_default_all_organs_weigh_alike():
    pair_filter = PairFilter(MuDuoConfig(), 2, torch.device("cpu"))
    for agreement, with_student in batches(3):
        pair_filter.remember(agreement[:, :2], with_student[:, :2])
    assert pair_filter.weights(torch.tensor([[True, True]])).tolist() == [[0.5, 0.5]]


def test_what_is_remembered_survives_a_checkpoint(tmp_path):
    config = MuDuoConfig(kept_pairs="best_half_of_memory", organ_weights="by_lead", score_memory=4)
    first, second = (PairFilter(config, N_ORGANS, torch.device("cpu")) for _ in range(2))
    *before, (agreement, with_student) = batches(6)
    for batch in before:
        first.remember(*batch)
    torch.save(first.state(), tmp_path / "state.pth")
    second.restore(torch.load(tmp_path / "state.pth"))
    kept = first.choose(agreement, with_student)
    assert torch.equal(kept, second.choose(agreement, with_student))
    assert torch.equal(first.weights(kept), second.weights(kept))
    assert not torch.equal(kept, PairFilter(config, N_ORGANS, torch.device("cpu")).choose(agreement, with_student))
