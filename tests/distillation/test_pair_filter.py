"""The filter against loops over organs and lists of their scores."""

from collections import defaultdict

import numpy as np
import pytest
import torch

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.distillation.pair_filter import PairFilter
from nnunetv2_muduo.distillation.selection import Agreements

N_ORGANS = 4


def batches(n: int, n_samples: int = 3, seed: int = 0) -> list[Agreements]:
    """What is measured of n batches; an organ is missing now and then, one always."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        values = rng.random((3, n_samples, N_ORGANS)).astype(np.float32)
        values[2] -= 0.5
        missing = rng.random((n_samples, N_ORGANS)) < 0.4
        missing[:, -1] = True
        values[:, missing] = np.nan
        found.append(Agreements(*torch.from_numpy(values)))
    return found


def agreements(agreement: list[list[float]]) -> Agreements:
    """Agreements of the teachers, where nothing is known of the student."""
    values = torch.tensor(agreement)
    return Agreements(values, *[torch.full_like(values, torch.nan)] * 2)


def score(kind: str, agreement: float, with_student: float, lead: float) -> float:
    return {"agreement": agreement, "difference": lead, "product": agreement * (1 - with_student)}[kind]


@pytest.mark.parametrize("kind", ["agreement", "difference", "product"])
@pytest.mark.parametrize("least", [0.0, 0.3])
@pytest.mark.parametrize("n_remembered", [0, 5])
def test_choice_equals_a_loop(kind, least, n_remembered):
    how = "best_half_of_memory" if n_remembered else "best_half"
    config = MuDuoConfig(pair_score=kind, least_agreement=least, kept_pairs=how, score_memory=n_remembered or 1)
    pair_filter = PairFilter(config, N_ORGANS, torch.device("cpu"))
    memory = defaultdict(list)
    n_kept = 0
    for measured in batches(12):
        agreement, kept = measured.agreement, pair_filter.choose(measured)
        pair_filter.remember(measured)
        for organ in range(N_ORGANS):
            valid = [i for i in range(3) if not agreement[i, organ].isnan()]
            scores = {i: score(kind, *(float(values[i, organ]) for values in measured)) for i in valid}
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
    measured = agreements([[0.1], [torch.nan]])
    for least, kept in [(0.0, True), (0.15, False)]:
        for how in ("best_half", "best_half_of_memory", "all", "threshold"):
            config = MuDuoConfig(least_agreement=least, kept_pairs=how, agreement_threshold=0.05)
            chosen = PairFilter(config, 1, torch.device("cpu")).choose(measured)
            assert chosen.tolist() == [[kept], [False]], how


def test_a_lone_pair_is_measured_against_those_before_it():
    config = MuDuoConfig(kept_pairs="best_half_of_memory", score_memory=10)
    pair_filter, kept = PairFilter(config, 1, torch.device("cpu")), []
    for agreement in (0.5, 0.2, 0.6, 0.3, 0.55):
        kept += pair_filter.choose(agreements([[agreement]])).flatten().tolist()
        pair_filter.remember(agreements([[agreement]]))
    assert kept == [True, False, True, False, True]


def test_one_teacher_keeps_all_whatever_the_score():
    config = MuDuoConfig(teachers="ct", pair_score="product", organ_weights="by_lead", least_agreement=0.2)
    pair_filter = PairFilter(config, 1, torch.device("cpu"))
    kept = pair_filter.choose(agreements([[1.0], [1.0]]))
    pair_filter.remember(agreements([[1.0], [1.0]]))
    assert kept.all()
    assert pair_filter.weights(kept).tolist() == [[0.5], [0.5]]


def test_organs_on_which_the_student_leads_lose_their_weight():
    pair_filter = PairFilter(MuDuoConfig(organ_weights="by_lead"), N_ORGANS, torch.device("cpu"))
    leads: list[list[float]] = [[] for _ in range(N_ORGANS)]
    for measured in batches(130):
        pair_filter.remember(measured)
        for organ in range(N_ORGANS):
            of_batch = [float(lead) for lead in measured.lead[:, organ] if lead == lead]
            leads[organ] += [float(np.mean(of_batch))] if of_batch else []
    means = []
    for of_organ in leads:  # a mean of the first hundred, then a moving average
        means.append(float(np.mean(of_organ[:100])) if of_organ else np.nan)
        for lead in of_organ[100:]:
            means[-1] = 0.99 * means[-1] + 0.01 * lead
    assert max(map(len, leads)) > 100
    np.testing.assert_allclose(pair_filter.mean_lead.numpy(), means, rtol=1e-4, atol=1e-6)
    pair_filter.mean_lead = torch.tensor([0.1, -0.05, -0.3, torch.nan])
    kept = torch.ones(1, N_ORGANS, dtype=torch.bool)
    expected = [1.0, 0.75, 0.0, 1.0]  # the last was never seen
    np.testing.assert_allclose(pair_filter.weights(kept)[0].numpy(), np.array(expected) / N_ORGANS, rtol=1e-5)


def test_by_default_all_organs_weigh_alike():
    pair_filter = PairFilter(MuDuoConfig(), 2, torch.device("cpu"))
    for measured in batches(3):
        pair_filter.remember(Agreements(*(values[:, :2] for values in measured)))
    assert pair_filter.weights(torch.tensor([[True, True]])).tolist() == [[0.5, 0.5]]


def test_what_is_remembered_survives_a_checkpoint(tmp_path):
    config = MuDuoConfig(kept_pairs="best_half_of_memory", organ_weights="by_lead", score_memory=4)
    first, second = (PairFilter(config, N_ORGANS, torch.device("cpu")) for _ in range(2))
    *before, measured = batches(6)
    for batch in before:
        first.remember(batch)
    torch.save(first.state(), tmp_path / "state.pth")
    second.restore(torch.load(tmp_path / "state.pth"))
    kept = first.choose(measured)
    assert torch.equal(kept, second.choose(measured))
    assert not torch.equal(kept, PairFilter(config, N_ORGANS, torch.device("cpu")).choose(measured))
    for each in (first, second):
        each.remember(measured)
    assert torch.equal(first.weights(kept), second.weights(kept))
