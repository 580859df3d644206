import pytest

from nnunetv2_muduo.data.splits import cases_in_no_fold, new_splits, why_no_fold


def cases(n):
    return [f"case_{i}" for i in range(n)]


@pytest.mark.parametrize(
    ("n_cases", "fold", "reason"),
    [
        (1, 0, None),
        (1, 1, "The split has 1 fold (1 labeled case): use fold 0 or all."),
        (2, 2, "The split has 2 folds (2 labeled cases): use fold 0 to 1, or all."),
        (3, 2, None),
        (3, 3, "The split has 3 folds (3 labeled cases): use fold 0 to 2, or all."),
        (4, 4, "The split has 4 folds (4 labeled cases): use fold 0 to 3, or all."),
        (12, 4, None),
        (12, 5, "The split has 5 folds (12 labeled cases): use fold 0 to 4, or all."),
    ],
)
def test_folds_that_a_split_does_not_have(n_cases, fold, reason):
    assert why_no_fold(fold, new_splits(cases(n_cases))[0]) == reason


def test_cases_in_no_fold():
    splits = [{"train": ["a", "b"], "val": ["c"]}, {"train": ["b", "c"], "val": ["a"]}]
    assert cases_in_no_fold(["a", "b", "c"], splits) == []
    assert cases_in_no_fold(["e", "a", "b", "c", "d"], splits) == ["d", "e"]
