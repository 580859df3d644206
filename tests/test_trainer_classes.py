"""Trainers by name: nnU-Net's, ours and a user's, without nnU-Net's account of where it looks."""

import pytest
from stock_command import add_own_trainers

from nnunetv2_muduo.trainer_classes import trainer_class


def test_trainers_are_found_without_a_word(tiny_dataset, tmp_path, monkeypatch, capsys):
    add_own_trainers(monkeypatch, tmp_path, "class nnUNetTrainerOfAUser(nnUNetTrainerMeanTeacher):\n    pass\n")
    for name in ("nnUNetTrainer", "nnUNetTrainerSelfTraining_Generation1", "nnUNetTrainerOfAUser"):
        assert trainer_class(name).__name__ == name
    assert capsys.readouterr().out == ""


def test_another_name_is_an_error(tiny_dataset):
    with pytest.raises(RuntimeError, match="nnUNetTrainerOfNobody"):
        trainer_class("nnUNetTrainerOfNobody")
