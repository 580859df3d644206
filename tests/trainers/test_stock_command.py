"""Folds and refusals by nnU-Net's own command: nothing is read of a trainer before it is initialized."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stock_command import add_own_trainers, model_folder, nnunet_train, train_fold
from support import DATASET, generator_folders, log_of, make_trainer, prepare_tiny, write_config

from nnunetv2_muduo.cli import main

FAMILIES = [
    "nnUNetTrainerMuDuo_Supervised",
    "nnUNetTrainerMuDuoPromptGenerator",
    "nnUNetTrainerMeanTeacher",
    "nnUNetTrainerMuDuo",
]


@pytest.fixture
def quickest(prepared_dataset, tmp_path, monkeypatch):
    """A copy of the prepared data set with a config of one epoch of one iteration. Returns its root folder."""
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1)
    return prepared_dataset


def edit_json(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | changes))


@pytest.mark.parametrize("trainer", FAMILIES)
def test_a_second_fold_is_trained_as_the_first(quickest, trainer):
    for fold in (0, 1):
        if trainer == "nnUNetTrainerMuDuo":
            prepare_tiny(fold=str(fold))
        train_fold(fold, trainer)
    folder = model_folder(quickest, trainer)
    assert [(folder / f"fold_{fold}" / "checkpoint_final.pth").is_file() for fold in (0, 1)] == [True, True]
    patch = json.loads((folder / "plans.json").read_text())["configurations"]["3d_fullres"]["patch_size"]
    assert patch == ([40, 40, 40] if trainer == "nnUNetTrainerMeanTeacher" else [24, 24, 24])


@pytest.mark.parametrize("trainer", [name for name in FAMILIES if name != "nnUNetTrainerMuDuo"])
def test_a_fold_on_another_patch_is_refused_though_the_plans_have_that_of_the_others(
    quickest, tmp_path, monkeypatch, trainer
):
    quick = {"num_epochs": 1, "num_iterations_per_epoch": 1}
    write_config(monkeypatch, tmp_path, patch_size=40, **quick)  # as planned
    train_fold(0, trainer)
    plans_file = model_folder(quickest, trainer) / "plans.json"
    before = plans_file.read_bytes()
    write_config(monkeypatch, tmp_path, patch_size=24, **quick)
    with pytest.raises(ValueError, match=r"fold_0 was trained on patches of \[40, 40, 40\], .* on \[24, 24, 24\]"):
        train_fold(1, trainer)
    assert plans_file.read_bytes() == before


def test_another_patch_is_refused_before_anything_is_prepared(quickest):
    folder = model_folder(quickest, "nnUNetTrainerMuDuo")
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").touch()
    shutil.copy(quickest / "pre" / DATASET / "nnUNetPlans.json", folder / "plans.json")
    shutil.rmtree(quickest / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled")
    with pytest.raises(ValueError, match="fold_0 was trained on patches"):
        train_fold(1, "nnUNetTrainerMuDuo")
    assert not (quickest / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled").exists()


def test_the_split_can_be_asked_for_before_a_trainer_is_initialized(tiny_dataset_copy):
    (tiny_dataset_copy / "pre" / DATASET / "splits_final.json").unlink(missing_ok=True)
    train, val = make_trainer("nnUNetTrainerMuDuo_Supervised").do_split()
    assert (len(train), len(val)) == (4, 1)


@pytest.mark.parametrize("trainer", FAMILIES)
def test_2d_is_refused_as_itself(quickest, trainer):
    with pytest.raises(NotImplementedError, match=f"^{trainer} is for 3d configurations, not for 2d ones such as 2d"):
        nnunet_train("2d", "0", "-tr", trainer)


CHANNELS = {"0": "CT", "1": "SUV"}
REGIONS = {"labels": {"background": 0, "whole": [1, 2], "core": 2}, "regions_class_order": [1, 2]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"channel_names": CHANNELS}, "needs two channels"), (REGIONS, "does not support region-based labels")],
)
def test_data_sets_are_refused_as_itself_and_by_prepare_in_the_trainers_name(quickest, capsys, changes, sentence):
    edit_json(quickest / "pre" / DATASET / "dataset.json", **changes)
    with pytest.raises(NotImplementedError, match=f"^nnUNetTrainerMuDuo_SinglePoint {sentence}"):
        train_fold(0, "nnUNetTrainerMuDuo_SinglePoint")
    assert main(["prepare", "-d", "1", "-tr", "nnUNetTrainerMuDuo_SinglePoint", "-device", "cpu"]) == 1
    assert f"muduo prepare: nnUNetTrainerMuDuo_SinglePoint {sentence}" in capsys.readouterr().err


def test_prepare_refuses_2d_in_the_trainers_name(quickest, capsys):
    assert main(["prepare", "-d", "1", "-c", "2d", "-tr", "nnUNetTrainerMuDuo_5epochs", "-device", "cpu"]) == 1
    assert "muduo prepare: nnUNetTrainerMuDuo_5epochs is for 3d configurations" in capsys.readouterr().err
    assert not model_folder(quickest, "nnUNetTrainerMuDuo_5epochs").exists()


OWN = """
class nnUNetTrainerStopsBefore(nnUNetTrainerMuDuo_Supervised):
    def initialize(self):
        raise RuntimeError("not on this machine")

class nnUNetTrainerStopsAfter(nnUNetTrainerMuDuo_Supervised):
    def initialize(self):
        super().initialize()
        raise RuntimeError("not on this machine")

class nnUNetTrainerLooks(nnUNetTrainerMuDuo_Supervised):
    def before_training(self):
        self.print_to_log_file("patch at the start", self.patch_size, self.muduo_config.optimizer)
        super().before_training()
"""


@pytest.mark.parametrize("trainer", ["nnUNetTrainerStopsBefore", "nnUNetTrainerStopsAfter"])
@pytest.mark.parametrize("how", [(), ("--c",)])
def test_any_error_of_initialize_ends_as_itself(quickest, tmp_path, monkeypatch, trainer, how):
    add_own_trainers(monkeypatch, tmp_path, OWN)
    with pytest.raises(RuntimeError, match=r"^not on this machine$"):
        train_fold(0, trainer, *how)


def test_own_trainers_have_everything_before_a_training(quickest, tmp_path, monkeypatch):
    add_own_trainers(monkeypatch, tmp_path, OWN)
    train_fold(0, "nnUNetTrainerLooks")
    (log,) = (model_folder(quickest, "nnUNetTrainerLooks") / "fold_0").glob("training_log*")
    assert "patch at the start (24, 24, 24) sgd" in log.read_text()


@pytest.mark.slow
def test_the_last_line_of_the_command_is_the_refusal(quickest):
    command = [sys.executable, "-m", "nnunetv2.run.run_training", "1", "2d", "0", "-tr", "nnUNetTrainerMuDuo"]
    ended = subprocess.run([*command, "-device", "cpu"], capture_output=True, text=True)
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert (
        last
        == "NotImplementedError: nnUNetTrainerMuDuo is for 3d configurations, not for 2d ones such as 2d. Use 3d_fullres."
    )


def test_the_log_tells_where_which_training_starts_and_ends(quickest):
    prepare_tiny(fold="1")
    (log,) = generator_folders(quickest, "1")[0].glob("training_log*")
    headline = "Training of the prompt generator (nnUNetTrainerMuDuoPromptGenerator, fold 1)"
    text = log.read_text()
    assert text.index(f"{headline} starts: epochs 0 to 0 of 1 iterations") < text.index(" Epoch 0 ")
    assert text.index(" Epoch 0 ") < text.index(f"{headline} ends") < text.index("Prompt maps: 0 of 4")
    trainer = make_trainer(fold=1)
    trainer.run_training()
    text = log_of(trainer)
    headline = "Training of the student (nnUNetTrainerMuDuo, fold 1)"
    assert text.index("is there and belongs") < text.index(f"{headline} starts") < text.index(" Epoch 0 ")
    assert f"{headline} ends" in text
    assert "\n  ct_teacher: small\n  pet_teacher: small\n" in text
    assert "MuDuoConfig(" not in text
    said = text.split("Agreement of the teachers: ")[1].splitlines()[0]
    assert [word for word in said.replace(",", "").split() if word.isalpha() and word not in ("not", "seen")] == [
        "liver",
        "spleen",
    ]
    assert "rises to 0.3 over the first 1 of 1 epochs." in text
    assert Path(trainer.output_folder, "muduo_config.yaml").is_file()


@pytest.mark.parametrize("trainer", ["nnUNetTrainerMuDuo", "nnUNetTrainerSelfTraining"])
def test_a_finished_training_is_validated_again_without_what_has_taught_it(quickest, trainer):
    prepare_tiny(trainer)
    train_fold(0, trainer)
    fold = model_folder(quickest, trainer) / "fold_0"
    shutil.rmtree(quickest / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled")
    for folder in (quickest / "res" / DATASET).iterdir():
        if folder != fold.parent:
            shutil.rmtree(folder)
    for how in ("--c", "--val"):
        shutil.rmtree(fold / "validation")
        train_fold(0, trainer, how)
        assert (fold / "validation" / "summary.json").is_file()
    assert [folder for folder in (quickest / "res" / DATASET).iterdir() if folder != fold.parent] == []
    assert not (quickest / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled").exists()
