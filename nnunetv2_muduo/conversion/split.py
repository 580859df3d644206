"""Split of the cases into sets. Pure: the answer depends on names, labels, sizes and seed alone.

Patients are ranked by a hash of seed and name, so that a patient's place does not depend on who else is there. Test, val
and labeled cases are taken in this order from the ranking; with the same seed the first 5 labeled cases are among
the first 10.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LABELED, VAL, TEST, UNLABELED, LEFT_OUT = "labeled", "val", "test", "unlabeled", "left_out"
SETS = (LABELED, VAL, TEST, UNLABELED)
DRAWING_ORDER = (TEST, VAL, LABELED)


@dataclass(frozen=True)
class SetSizes:
    """How many labeled cases go where; every other case is unlabeled."""

    labeled: int = 5
    val: int = 5
    test: int = 20

    def __post_init__(self):
        if self.labeled < 1 or self.val < 0 or self.test < 0:
            raise ValueError(f"--labeled must be at least 1, --val and --test at least 0; got {self}")


@dataclass(frozen=True)
class Candidate:
    """A case as far as the split is concerned."""

    case_id: str
    patient_key: str
    has_label: bool


def draw_sets(
    candidates: Iterable[Candidate], sizes: SetSizes, seed: int, previous: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, str]:
    """Set of every case, such that no patient stands in two sets.

    A patient whose cases are only partly needed for a labeled set has the rest left out. `previous` holds
    (patient key, set) per case of an earlier call: these stay as they are, new patients are unlabeled.
    Raises ValueError where there are too few labeled cases.
    """
    candidates = sorted(candidates, key=lambda candidate: candidate.case_id)
    if previous:
        return _add_to_previous(candidates, previous)
    by_patient: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_patient.setdefault(candidate.patient_key, []).append(candidate)
    ranking = iter(sorted((p for p in by_patient if _n_labels(by_patient[p])), key=lambda p: _rank(seed, p)))
    sets = {candidate.case_id: UNLABELED for candidate in candidates}
    for name in DRAWING_ORDER:
        _fill(sets, name, getattr(sizes, name), ranking, by_patient, sizes)
    return sets


def _n_labels(cases: list[Candidate]) -> int:
    return sum(case.has_label for case in cases)


def _rank(seed: int, patient_key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{patient_key}".encode()).digest()


def _fill(sets, name, n_wanted, ranking, by_patient, sizes) -> None:
    n_taken = 0
    while n_taken < n_wanted:
        patient = next(ranking, None)
        if patient is None:
            n_labels = sum(map(_n_labels, by_patient.values()))
            raise ValueError(
                f"Too few labelled cases: {sizes.test} test + {sizes.val} val + {sizes.labeled} labelled are asked for, "
                f"each patient in one set only, but there are {n_labels} labelled cases of "
                f"{sum(_n_labels(c) > 0 for c in by_patient.values())} patients. Lower --test, --val or --labeled."
            )
        for case in by_patient[patient]:
            take = case.has_label and n_taken < n_wanted
            sets[case.case_id] = name if take else LEFT_OUT
            n_taken += take


def _add_to_previous(candidates, previous: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    patient_is_unlabeled: dict[str, bool] = {}
    for patient, name in previous.values():
        patient_is_unlabeled[patient] = patient_is_unlabeled.get(patient, True) and name == UNLABELED
    return {
        case.case_id: previous[case.case_id][1]
        if case.case_id in previous
        else UNLABELED
        if patient_is_unlabeled.get(case.patient_key, True)
        else LEFT_OUT
        for case in candidates
    }


def shared_patients(patients_per_set: Mapping[str, set[str]]) -> dict[tuple[str, str], set[str]]:
    """Patients that stand in both of two sets, for every pair of sets; all empty when there is no leakage."""
    names = list(patients_per_set)
    return {(a, b): patients_per_set[a] & patients_per_set[b] for i, a in enumerate(names) for b in names[i + 1 :]}
