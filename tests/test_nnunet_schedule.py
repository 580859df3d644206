"""nnU-Net's numbers are those of its own trainer, and whoever reckons with them has them from one place."""

import re
from pathlib import Path

from support import make_trainer

import nnunetv2_muduo
from nnunetv2_muduo.nnunet_schedule import NNUNET_SCHEDULE


def test_they_are_those_of_nnunets_trainer(tiny_dataset):
    trainer = make_trainer("nnUNetTrainer")
    assert {name: getattr(trainer, name) for name in NNUNET_SCHEDULE} == NNUNET_SCHEDULE


def test_no_other_file_of_check_trainers_and_commands_has_them():
    package = Path(nnunetv2_muduo.__file__).parent
    files = [file for folder in ("check", "cli", "trainers") for file in (package / folder).glob("*.py")]
    pattern = re.compile(r"(EPOCHS|ITERATIONS|VALIDATIONS|num_\w+)[\"\w, :]*=? *(1000|250|50)\b")
    assert [file.name for file in files if pattern.search(file.read_text(encoding="utf-8"))] == []
