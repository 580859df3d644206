"""`muduo check` on a good dataset, and with one thing after the other broken."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from support import DATASET, set_nnunet_folders, write_config, write_raw_dataset

from nnunetv2_muduo.check import environment
from nnunetv2_muduo.check.dataset import RawDataset
from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING
from nnunetv2_muduo.cli.check import add_arguments, run


@pytest.fixture(scope="module")
def good_dataset(tmp_path_factory) -> Path:
    """Five labeled and four unlabeled cases, each of a patient of its own."""
    folder = tmp_path_factory.mktemp("good") / DATASET
    write_raw_dataset(folder)
    names = [f"labeled_{i}" for i in range(5)] + [f"unlabeled_{i}" for i in range(4)]
    record = {"cases": {name: {"patient_key": f"patient of {name}"} for name in names}}
    (folder / "muduo_cases.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def dataset(good_dataset, tmp_path, monkeypatch) -> Path:
    set_nnunet_folders(monkeypatch, tmp_path)
    write_config(monkeypatch, tmp_path)
    shutil.copytree(good_dataset, tmp_path / "raw" / DATASET)
    write_split(tmp_path, ["labeled_0", "labeled_1", "labeled_2"], ["labeled_3", "labeled_4"])
    return tmp_path / "raw" / DATASET


def write_split(root: Path, train: list[str], val: list[str]) -> None:
    folder = root / "pre" / DATASET
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "splits_final.json").write_text(json.dumps([{"train": train, "val": val}]))


@pytest.fixture
def check(capsys):
    """Run the check with further arguments; returns the exit code and {subject: (status, line)}."""
    import argparse

    def call(*arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        exit_code = run(parser.parse_args(["-d", "1", *arguments]))
        lines = [line for line in capsys.readouterr().out.splitlines() if line[:7].strip() in (OK, WARNING, PROBLEM)]
        subjects = ("left and right", "spacing in mm", "CT teacher", "PET teacher")
        found = {}
        for line in lines:
            subject = next((one for one in subjects if line[9:].startswith(one)), line[9:].split()[0])
            found[subject] = (line[:7].strip(), line)
        return exit_code, found

    return call


def test_good_dataset_is_ready(dataset, check):
    exit_code, found = check()
    assert exit_code == 0
    assert not [line for status, line in found.values() if status == PROBLEM]
    assert "3 labeled, 2 val, 4 unlabeled, 0 test" in found["cases"][1]
    assert (
        found["doubles"][0]
        == found["patients"][0]
        == found["grids"][0]
        == found["values"][0]
        == found["labels"][0]
        == OK
    )
    assert "no label names in pairs" in found["left and right"][1]


def change_image(path: Path, change) -> None:
    image = sitk.ReadImage(str(path))
    changed = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)))
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))


def shift(path: Path) -> None:
    image = sitk.ReadImage(str(path))
    image.SetOrigin([x + 1 for x in image.GetOrigin()])
    sitk.WriteImage(image, str(path))


def change_json(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def say_patient(dataset: Path, case: str, patient_key: str | None) -> None:
    path = dataset / "muduo_cases.json"
    cases = json.loads(path.read_text())["cases"] | {case: {"patient_key": patient_key}}
    path.write_text(json.dumps({"cases": cases}))


def put_in_one_patient(dataset: Path) -> None:
    say_patient(dataset, "unlabeled_0", "patient of labeled_4")


def put_in_imagesun(dataset: Path) -> None:
    for path in (dataset / "imagesTr").glob("labeled_4_*"):
        shutil.copy(path, dataset / "imagesUn" / path.name)
    say_patient(dataset, "labeled_4", None)  # the name alone gives it away


def swap_channels(dataset: Path) -> None:
    for ct in dataset.glob("images*/*_0000.nii.gz"):
        pet, other = ct.with_name(ct.name.replace("_0000", "_0001")), ct.with_suffix(".tmp")
        ct.rename(other), pet.rename(ct), other.rename(pet)


BREAKAGES = {
    "swapped": ("channels", lambda d: change_json(d / "dataset.json", channel_names={"0": "PET", "1": "CT"}), "needed"),
    "swapped-files": ("values", swap_channels, "labeled_0_0000.nii.gz: CT without negative values is not in HU"),
    "double": ("doubles", put_in_imagesun, "imagesTr and imagesUn share 1: labeled_4"),
    "channels": ("channels", lambda d: change_json(d / "dataset.json", channel_names={"0": "CT", "1": "CT"}), "CT"),
    "count": ("cases", lambda d: change_json(d / "dataset.json", numTraining=9), "imagesTr holds 5"),
    "no-unlabeled": ("cases", lambda d: shutil.rmtree(d / "imagesUn"), "imagesUn is empty"),
    "no-channel": ("files", lambda d: (d / "imagesUn" / "unlabeled_1_0001.nii.gz").unlink(), "unlabeled_1_0001"),
    "no-label": ("files", lambda d: (d / "labelsTr" / "labeled_1.nii.gz").unlink(), "labeled_1.nii.gz"),
    "split": ("split", lambda d: write_split(d.parents[1], ["labeled_0"], ["gone"]), "gone"),
    "leak": ("patients", put_in_one_patient, "val and unlabeled share 1: patient of labeled_4"),
    "pet-grid": ("grids", lambda d: shift(d / "imagesUn" / "unlabeled_0_0001.nii.gz"), "unlabeled_0_0001"),
    "label-grid": ("grids", lambda d: shift(d / "labelsTr" / "labeled_0.nii.gz"), "labeled_0.nii.gz"),
    "bqml": (
        "values",
        lambda d: change_image(d / "imagesUn" / "unlabeled_0_0001.nii.gz", lambda a: a * 5000),
        "not in SUV",
    ),
    "no-hu": ("values", lambda d: change_image(d / "imagesTr" / "labeled_0_0000.nii.gz", np.abs), "not in HU"),
    "foreign": ("labels", lambda d: change_image(d / "labelsTr" / "labeled_2.nii.gz", lambda a: a * 3), "[3, 6]"),
    "truncated": ("values", lambda d: cut(d / "imagesUn" / "unlabeled_0_0000.nii.gz"), "truncated or damaged"),
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_named(dataset, check, name):
    subject, damage, words = BREAKAGES[name]
    damage(dataset)
    exit_code, found = check()
    assert exit_code == 1
    status, line = found[subject]
    assert status == PROBLEM
    assert words in line
    assert [other for other, (status, _) in found.items() if status == PROBLEM] == [subject]


def test_a_case_that_trains_and_validates_is_named(dataset, check):
    write_split(dataset.parents[1], ["labeled_0", "labeled_1"], ["labeled_1", "labeled_2"])
    exit_code, found = check()
    assert exit_code == 1
    assert "labeled and val share 1: labeled_1" in found["doubles"][1]


def test_unknown_patients_do_not_hide_known_ones(dataset, check):
    for case in ("unlabeled_3", "labeled_2"):
        say_patient(dataset, case, None)
    exit_code, found = check()
    assert exit_code == 0
    assert found["patients"][0] == WARNING
    assert "of 2 cases unknown (labeled_2, unlabeled_3), so leakage can't be excluded" in found["patients"][1]
    assert "in one set each" not in found["patients"][1]
    put_in_one_patient(dataset)
    exit_code, found = check()
    assert exit_code == 1
    assert found["patients"][0] == PROBLEM
    assert "val and unlabeled share 1: patient of labeled_4" in found["patients"][1]
    assert "of 2 cases unknown" in found["patients"][1]


def test_links_that_lead_nowhere_are_named(dataset, check):
    path = dataset / "imagesUn" / "unlabeled_2_0001.nii.gz"
    path.rename(dataset / "elsewhere.nii.gz")
    path.symlink_to(dataset / "gone.nii.gz")
    assert "unlabeled_2_0001.nii.gz" in check()[1]["files"][1]


def test_warnings_let_training_start(dataset, check):
    (dataset / "muduo_cases.json").unlink()
    (dataset.parents[1] / "pre" / DATASET / "splits_final.json").unlink()
    for path in dataset.glob("*/*labeled_0*"):
        sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(path)), (True, False, False)), str(path))
    exit_code, found = check()
    assert exit_code == 0
    for subject, words in {
        "split": "will draw it",
        "patients": "leakage can't be excluded",
        "orientation": "several",
    }.items():
        assert found[subject][0] == WARNING
        assert words in found[subject][1]


def test_left_and_right_name_the_mirror_axis(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    assert "1 pairs of organs: no mirroring along axis 2 of the patch" in check()[1]["left and right"][1]


def test_unlabeled_cases_that_lie_another_way_are_warned_of(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    for path in (dataset / "imagesUn").glob("unlabeled_0_*"):
        sitk.WriteImage(sitk.PermuteAxes(sitk.ReadImage(str(path)), (1, 0, 2)), str(path))
    exit_code, found = check()
    assert exit_code == 0
    assert found["left and right"][0] == WARNING
    assert "along axis 2 of the patch; in unlabeled cases it is axis 1, 2" in found["left and right"][1]


def test_fold_all_trains_and_validates_on_every_labeled_case(dataset, check):
    exit_code, found = check("-f", "all")
    assert exit_code == 0
    assert "fold all: 5 train, 5 val; 5 cases are in both" in found["split"][1]
    assert found["doubles"][0] == found["patients"][0] == OK
    with pytest.raises(SystemExit):
        check("-f", "every")


def test_other_plans_are_read(dataset, check):
    change_json(dataset / "dataset.json", labels={"background": 0, "kidney_left": 1, "kidney_right": 2})
    plans = {"transpose_forward": [2, 0, 1], "configurations": {"3d_lowres": {"spacing": [4, 4, 4]}}}
    (dataset.parents[1] / "pre" / DATASET / "otherPlans.json").write_text(json.dumps(plans))
    exit_code, found = check("-p", "otherPlans", "-c", "3d_lowres")
    assert exit_code == 0
    assert "along axis 0 of the patch" in found["left and right"][1]
    assert "along axis 2 of the patch" in check()[1]["left and right"][1]
    assert "not there yet" in check()[1]["plans"][1]
    exit_code, found = check("-p", "otherPlans")
    assert exit_code == 1
    assert "no 3d_fullres in them, but 3d_lowres" in found["plans"][1]


def test_only_the_trainers_own_teachers_are_looked_for(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, pet_teacher=str(tmp_path / "nothing.pth"))
    assert check()[0] == 1
    exit_code, found = check("-tr", "nnUNetTrainerMuDuo_CTTeacherOnly")
    assert exit_code == 0
    assert "PET teacher" not in found
    exit_code, found = check("-tr", "nnUNetTrainer")
    assert exit_code == 1
    assert "has no teachers" in found["trainer"][1]


def test_val_equal_to_labeled_is_a_warning(dataset, check):
    write_split(dataset.parents[1], ["labeled_0", "labeled_1"], ["labeled_0", "labeled_1"])
    exit_code, found = check()
    assert exit_code == 0
    assert found["split"][0] == WARNING
    assert found["patients"][0] == OK


def find_nothing(name):
    """nnU-Net's finder where this package is not installed as a wheel, in words of its own."""
    raise RuntimeError(f"Could not find requested nnunet trainer {name}")


def test_missing_trainer_and_teachers_are_named(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, ct_teacher=str(tmp_path / "nothing.pth"))
    monkeypatch.setattr("nnunetv2.utilities.find_objects.recursive_find_trainer_class_by_name", find_nothing)
    exit_code, found = check()
    assert exit_code == 1
    assert found["trainer"][0] == PROBLEM
    assert "export nnUNet_extTrainer=" in found["trainer"][1]
    assert "no such file" in found["CT teacher"][1]
    write_config(monkeypatch, tmp_path, no_such_field=1)
    assert "no_such_field" in check()[1]["config"][1]


def test_public_teachers_offline_are_a_problem(monkeypatch):
    monkeypatch.setattr(environment, "_cached", lambda spec: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert environment._check_teacher("ct", "sam_med3d").status == PROBLEM
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert environment._check_teacher("ct", "sam_med3d").status == WARNING
    monkeypatch.setattr(environment, "_cached", lambda spec: "/cache/file.pth")
    assert environment._check_teacher("ct", "sam_med3d").status == OK


def test_patients_are_known_by_autopets_names(tmp_path):
    write_raw_dataset(tmp_path / DATASET, n_labeled=1, n_unlabeled=0)
    for path in (tmp_path / DATASET).glob("*/labeled_0*"):
        path.rename(path.with_name(path.name.replace("labeled_0", "fdg_0a0b_2003-a")))
    assert RawDataset(tmp_path / DATASET).patients == {"fdg_0a0b_2003-a": "0a0b"}


def test_names_and_the_record_know_one_patient_by_one_key(dataset, check):
    """A study that was put in by hand, beside studies that `muduo convert` named."""
    for path in (dataset / "imagesUn").glob("unlabeled_0_*"):
        path.rename(path.with_name(path.name.replace("unlabeled_0", "petct_0a0b_2004-a")))
    say_patient(dataset, "labeled_4", "0a0b")
    exit_code, found = check()
    assert exit_code == 1
    assert "val and unlabeled share 1: 0a0b" in found["patients"][1]
