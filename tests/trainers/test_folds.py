"""Folds that a short split does not have are no folds, however a training is started."""

import json

import pytest
from stock_command import train_fold
from support import DATASET, make_trainer, write_config

from nnunetv2_muduo.cli import main

ONE = [{"train": ["labeled_0"], "val": ["labeled_0"]}]
THREE = [{"train": [f"labeled_{i}" for i in range(3) if i != fold], "val": [f"labeled_{fold}"]} for fold in range(3)]


@pytest.fixture
def with_split(prepared_dataset, tmp_path, monkeypatch):
    """Give the data set a split; a config of one iteration."""
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)

    def write(splits):
        (prepared_dataset / "pre" / DATASET / "splits_final.json").write_text(json.dumps(splits))

    return write


@pytest.mark.parametrize("trainer", ["nnUNetTrainerMuDuo", "nnUNetTrainerMeanTeacher", "nnUNetTrainerMuDuo_Supervised"])
@pytest.mark.parametrize(
    ("splits", "fold", "sentence"),
    [
        (ONE, 1, r"The split has 1 fold \(1 labeled case\): use fold 0 or all\."),
        (THREE, 3, r"The split has 3 folds \(3 labeled cases\): use fold 0 to 2, or all\."),
        (THREE, 4, r"The split has 3 folds \(3 labeled cases\): use fold 0 to 2, or all\."),
    ],
)
def test_a_fold_beyond_the_split_is_refused_at_once(with_split, trainer, splits, fold, sentence):
    with_split(splits)
    with pytest.raises(ValueError, match=sentence):
        train_fold(fold, trainer)


@pytest.mark.parametrize("trainer", ["nnUNetTrainerMuDuo", "nnUNetTrainerMeanTeacher"])
def test_prepare_refuses_it_too(with_split, capsys, trainer):
    with_split(THREE)
    assert main(["prepare", "-d", "1", "-f", "3", "-device", "cpu", "-tr", trainer]) == 1
    assert capsys.readouterr().err.endswith(
        "muduo prepare: The split has 3 folds (3 labeled cases): use fold 0 to 2, or all.\n"
    )


@pytest.mark.parametrize(("splits", "fold"), [(ONE, 0), (ONE, "all"), (THREE, 2), (THREE, "all")])
def test_folds_of_the_split_and_all_are_trained(with_split, splits, fold):
    with_split(splits)
    train_fold(fold, "nnUNetTrainerMuDuo_Supervised")


def test_a_split_of_another_shape_is_named(with_split):
    with_split([{"training": ["labeled_0"]}])
    with pytest.raises(ValueError, match=r"splits_final\.json: fold 0 must be"):
        make_trainer("nnUNetTrainerMuDuo_Supervised").do_split()
