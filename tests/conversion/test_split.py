import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_muduo.conversion.split import (
    DRAWING_ORDER,
    LABELED,
    LEFT_OUT,
    SETS,
    TEST,
    UNLABELED,
    VAL,
    Candidate,
    SetSizes,
    draw_sets,
    shared_patients,
)


@st.composite
def cohorts(draw):
    n_studies = draw(st.lists(st.integers(1, 4), min_size=12, max_size=30))
    return [
        Candidate(f"p{patient:03d}_s{study}", f"p{patient:03d}", draw(st.booleans()) if study else True)
        for patient, n in enumerate(n_studies)
        for study in range(n)
    ]


def members(sets, name):
    return {case_id for case_id, found in sets.items() if found == name}


def patients_per_set(candidates, sets):
    return {name: {c.patient_key for c in candidates if sets[c.case_id] == name} for name in SETS}


@settings(deadline=None)
@given(cohorts(), st.integers(0, 5))
def test_sets_have_their_sizes_labels_and_patients_of_their_own(candidates, seed):
    sets = draw_sets(candidates, SetSizes(3, 2, 4), seed)
    assert {name: len(members(sets, name)) for name in DRAWING_ORDER} == {LABELED: 3, VAL: 2, TEST: 4}
    has_label = {c.case_id: c.has_label for c in candidates}
    assert all(has_label[i] for name in DRAWING_ORDER for i in members(sets, name))
    assert not any(shared_patients(patients_per_set(candidates, sets)).values())
    patients_in_use = set().union(*(patients_per_set(candidates, sets)[name] for name in DRAWING_ORDER))
    patient = {c.case_id: c.patient_key for c in candidates}
    assert all(patient[i] in patients_in_use for i in members(sets, LEFT_OUT))
    assert all(patient[i] not in patients_in_use for i in members(sets, UNLABELED))


@settings(deadline=None)
@given(cohorts(), st.integers(0, 5))
def test_labeled_sets_are_nested_and_val_and_test_stay(candidates, seed):
    small, large = (draw_sets(candidates, SetSizes(n, 2, 3), seed) for n in (2, 5))
    assert members(small, LABELED) < members(large, LABELED)
    assert members(small, VAL) == members(large, VAL)
    assert members(small, TEST) == members(large, TEST)


def test_seed_draws_and_order_of_candidates_does_not():
    candidates = [Candidate(f"c{i}", f"p{i}", True) for i in range(40)]
    draws = [draw_sets(candidates, SetSizes(5, 5, 5), seed) for seed in (0, 1)]
    assert members(draws[0], LABELED) != members(draws[1], LABELED)
    assert draw_sets(candidates[::-1], SetSizes(5, 5, 5), 0) == draws[0]


def test_every_case_is_about_equally_likely_to_be_labeled():
    candidates = [Candidate(f"c{i}", f"p{i}", True) for i in range(20)]
    counts = dict.fromkeys((c.case_id for c in candidates), 0)
    for seed in range(400):
        for case_id in members(draw_sets(candidates, SetSizes(5, 0, 0), seed), LABELED):
            counts[case_id] += 1
    assert all(60 < n < 145 for n in counts.values())  # 100 expected, standard deviation 8.7


def test_new_cases_leave_earlier_sets_alone():
    old = [Candidate(f"p{i}_a", f"p{i}", True) for i in range(6)]
    sets = draw_sets(old, SetSizes(2, 1, 1), 0)
    previous = {c.case_id: (c.patient_key, sets[c.case_id]) for c in old}
    new = [Candidate(f"p{i}_b", f"p{i}", True) for i in range(8)]
    later = draw_sets(old + new, SetSizes(2, 1, 1), 0, previous)
    assert {case_id: later[case_id] for case_id in sets} == sets
    for candidate in new:
        known = sets.get(f"{candidate.patient_key}_a", UNLABELED)
        assert later[candidate.case_id] == (UNLABELED if known == UNLABELED else LEFT_OUT)


def test_too_few_labels_are_refused_with_the_numbers():
    candidates = [Candidate(f"c{i}", f"p{i}", i < 3) for i in range(10)]
    with pytest.raises(ValueError, match="3 labelled cases of 3 patients"):
        draw_sets(candidates, SetSizes(2, 1, 1), 0)
    with pytest.raises(ValueError, match="at least 1"):
        SetSizes(0, 1, 1)


def test_shared_patients_are_found():
    shared = shared_patients({"a": {"p1", "p2"}, "b": {"p2"}, "c": {"p3"}})
    assert shared == {("a", "b"): {"p2"}, ("a", "c"): set(), ("b", "c"): set()}
