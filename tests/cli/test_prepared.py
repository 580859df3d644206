"""`muduo prepare --list` and `--clean` on real generators, maps and trainings."""

import shutil
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from support import DATASET, generator_folders, make_trainer, prepare_tiny, untrained_model, write_config

from nnunetv2_muduo.cli.main import main

CASES = "nnUNetPlans_3d_fullres_unlabeled"
CLEAN = ["prepare", "-d", "1", "--clean"]


@pytest.fixture
def two_generators(prepared_dataset, tmp_path, monkeypatch):
    """Root of the data set on which a training has begun with the first of two generators."""
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    trainer.save_checkpoint(str(Path(trainer.output_folder, "checkpoint_latest.pth")))
    write_config(monkeypatch, tmp_path, prompt_generator_num_epochs=1)
    prepare_tiny()
    return prepared_dataset


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_everything_is_listed_with_its_users(two_generators, capsys):
    assert main(["prepare", "-d", "1", "--list"]) == 0
    blocks = capsys.readouterr().out.split("prompt generator: ")[1:]
    assert len(blocks) == 2
    by_epochs = {block.split(" epochs of")[0][-1]: block for block in blocks}
    student = "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres/fold_0"
    assert f"used by: {student}" in by_epochs["2"].split("prompt maps")[0]
    assert "no training uses it" in by_epochs["1"].split("prompt maps")[0]
    text = "".join(blocks)
    assert text.count("4 maps of") == 2
    assert "4 labeled cases, 2 epochs of 2 iterations, sgd" in text
    assert "prepared cases: 4 cases\n  " in text
    assert f"{CASES}\n  used by: {student}" in text


def test_what_no_training_uses_is_removed_and_nothing_else(two_generators, capsys):
    first, second = generator_folders(two_generators)
    before = files(two_generators)
    assert main(CLEAN) == 1
    assert "--yes removes these" in capsys.readouterr().out
    assert files(two_generators) == before
    assert main([*CLEAN, "--yes"]) == 0
    gone = before - files(two_generators)
    assert {path.relative_to(two_generators).parts[0] for path in gone} == {"pre", "res"}
    assert all(second.parent in path.parents or "prompt_maps" in path.parts for path in gone)
    assert not second.parent.exists()
    assert (first / "checkpoint_final.pth").is_file()
    (maps,) = (two_generators / "pre" / DATASET / CASES / "prompt_maps").iterdir()
    assert len(list(maps.glob("*.b2nd"))) == 4
    assert main([*CLEAN, "--yes"]) == 0
    assert "Nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "removed"), [("y", True), ("", False), ("no", False)])
def test_it_asks_where_somebody_can_answer(two_generators, monkeypatch, answer, removed):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(CLEAN) == 0
    assert len(generator_folders(two_generators)) == 2 - removed


def test_a_generator_that_is_being_trained_stays(two_generators):
    _, second = generator_folders(two_generators)
    with FileLock(second.with_suffix(".lock")):
        main([*CLEAN, "--yes"])
    assert (second / "checkpoint_final.pth").is_file()


@pytest.mark.parametrize("how", ["just begun", "of an older version"])
def test_a_training_of_which_it_is_not_known_keeps_all_of_its_fold(prepared_dataset, how):
    before = files(prepared_dataset / "pre")
    if how == "just begun":
        make_trainer().print_to_log_file("begins")
    else:
        checkpoint = untrained_model() / "fold_0" / "checkpoint_final.pth"
        content = torch.load(checkpoint, weights_only=False)
        del content["init_args"]["muduo"]["prompt_generator"]
        torch.save(content, checkpoint)
    main([*CLEAN, "--yes"])
    assert files(prepared_dataset / "pre") == before
    assert len(generator_folders(prepared_dataset)) == 1


def test_without_a_training_all_is_removed_but_the_labeled_cases(prepared_dataset):
    main([*CLEAN, "--yes"])
    preprocessed = prepared_dataset / "pre" / DATASET
    assert not (preprocessed / CASES).exists()
    assert len(list((preprocessed / "nnUNetPlans_3d_fullres").glob("*.b2nd"))) >= 5
    prepare_tiny()


def test_without_results_nobody_knows_what_is_used(prepared_dataset, capsys):
    before = files(prepared_dataset / "pre")
    shutil.rmtree(prepared_dataset / "res")
    assert main([*CLEAN, "--yes"]) == 1
    assert "nnUNet_results is" in capsys.readouterr().err
    assert files(prepared_dataset / "pre") == before
