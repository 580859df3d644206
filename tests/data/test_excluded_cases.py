"""Unlabeled cases that can't be used, from the raw images to the training: few are left out by name, more stop it."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from support import DATASET, make_case, make_trainer, prepare_tiny, set_nnunet_folders, write_case, write_config

from nnunetv2_muduo.data.excluded_cases import too_many
from nnunetv2_muduo.trainers.requirements import Preparation

N_CASES = 20


@pytest.fixture
def many_cases(prepared_root, tmp_path, monkeypatch):
    """The prepared data set with 20 unlabeled cases, 16 of them new and small. Returns its folder `imagesUn`."""
    root = shutil.copytree(prepared_root, tmp_path / "nnunet")
    set_nnunet_folders(monkeypatch, root)
    write_config(monkeypatch, tmp_path)
    raw = root / "raw" / DATASET
    for i in range(4, N_CASES):
        write_case(raw, "imagesUn", f"unlabeled_{i}", make_case(100 + i))
    return raw / "imagesUn"


def damage(images, case):
    file = images / f"{case}_0001.nii.gz"
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
    array[0, 0, 0] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(array), str(file))


def preparation():
    trainer = make_trainer()
    trainer.initialize()
    return Preparation(trainer, trainer.prompt_generator)


@pytest.mark.slow
def test_one_of_twenty_is_left_out_and_comes_back_when_it_is_corrected(many_cases, capsys):
    whole = (many_cases / "unlabeled_7_0001.nii.gz").read_bytes()
    damage(many_cases, "unlabeled_7")
    prepare_tiny()
    output = capsys.readouterr().out
    assert "Left out, 1 unlabeled case(s) that can't be used:\n  unlabeled_7: " in output
    assert preparation().missing() == []
    trainer = make_trainer()
    trainer.on_train_start()
    assert "unlabeled_7" not in trainer.dataloader_unlabeled.iterator.indices
    assert len(trainer.dataloader_unlabeled.iterator.indices) == N_CASES - 1
    assert "unlabeled_7: " in open(trainer.log_file).read()
    (many_cases / "unlabeled_7_0001.nii.gz").write_bytes(whole)
    assert preparation().missing() == ["1 unlabeled case(s) to preprocess: not there (1)"]
    prepare_tiny()
    assert preparation().missing() == []
    assert preparation().excluded == {}


def test_two_of_twenty_stop_the_preparation_and_the_training(many_cases):
    for case in ("unlabeled_7", "unlabeled_9"):
        damage(many_cases, case)
    with pytest.raises(RuntimeError, match=r"2 of 20 .* more than 5 %(.|\n)*unlabeled_7: (.|\n)*unlabeled_9: "):
        prepare_tiny()
    with pytest.raises(RuntimeError, match="2 of 20"):
        preparation().log_excluded()


@pytest.mark.parametrize(
    ("n_unusable", "n_cases", "expected"), [(0, 1, False), (1, 19, True), (1, 20, False), (6, 100, True)]
)
def test_five_percent(n_unusable, n_cases, expected):
    assert too_many(n_unusable, n_cases) == expected
