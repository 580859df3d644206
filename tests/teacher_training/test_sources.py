"""Which scans are found."""

import json
import shutil

import pytest

from nnunetv2_muduo.teacher_training.sources import find_scans


def test_nnunet_dataset_by_folder_name_and_id(raw_dataset, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(raw_dataset.parent))
    by_folder = find_scans(str(raw_dataset), "pet")
    assert by_folder == find_scans("42", "pet") == find_scans("Dataset042_Balls", "pet")
    assert [scan.patient for scan in by_folder] == ["00aa", "00aa", "00bb"]
    assert by_folder[0].organs == {1: "liver", 2: "spleen"}
    assert by_folder[0].image.name == "fdg_00aa_2001_0001.nii.gz"
    assert find_scans("42", "ct")[0].image.name == "fdg_00aa_2001_0000.nii.gz"


def test_cohort_in_autopets_layout(raw_dataset, tmp_path):
    study = tmp_path / "PETCT_00cc" / "2001"
    study.mkdir(parents=True)
    for source, target in (("imagesTr/fdg_00bb_2001_0000", "CTres"), ("labelsTr/fdg_00bb_2001", "SEG")):
        shutil.copy(raw_dataset / f"{source}.nii.gz", study / f"{target}.nii.gz")
    shutil.copy(raw_dataset / "imagesTr/fdg_00bb_2001_0001.nii.gz", study / "SUV.nii.gz")
    (tmp_path / "labels.json").write_text(json.dumps({"background": 0, "liver": 1, "spleen": 2}))
    (scan,) = find_scans(str(tmp_path), "pet")
    assert (scan.patient, scan.image, scan.organs[2]) == ("00cc", study / "SUV.nii.gz", "spleen")
    assert find_scans(str(tmp_path), "ct")[0].image == study / "CTres.nii.gz"


def test_what_is_no_data_is_refused_with_advice(raw_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(raw_dataset.parent))
    with pytest.raises(FileNotFoundError, match=r"No dataset 7 in nnUNet_raw=.*no such folder"):
        find_scans("7", "ct")
    with pytest.raises(FileNotFoundError, match="No labeled PET"):
        find_scans(str(tmp_path), "pet")


def test_of_preprocessed_data_the_raw_cases_are_read(raw_dataset, tmp_path, monkeypatch, capsys):
    preprocessed = tmp_path / raw_dataset.name
    preprocessed.mkdir()
    (preprocessed / "nnUNetPlans.json").write_text("{}")
    monkeypatch.delenv("nnUNet_raw", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"needs HU or SUV\. The raw dataset .* \(nnUNet_raw is not set\)"):
        find_scans(preprocessed.name, "ct")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match=r"not there in nnUNet_raw=.*elsewhere"):
        find_scans(str(preprocessed), "ct")
    monkeypatch.setenv("nnUNet_raw", str(raw_dataset.parent))
    assert find_scans(str(preprocessed), "ct") == find_scans(str(raw_dataset), "ct")
    assert f"read in HU or SUV from {raw_dataset}" in capsys.readouterr().out


def test_datasets_without_the_channel_and_with_regions_are_refused(raw_dataset, tmp_path):
    folder = shutil.copytree(raw_dataset, tmp_path / "copy")
    content = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(content | {"channel_names": {"0": "CT", "1": "T1"}}))
    assert len(find_scans(str(folder), "ct")) == 3
    with pytest.raises(ValueError, match="must have one PET channel"):
        find_scans(str(folder), "pet")
    (folder / "dataset.json").write_text(json.dumps(content | {"labels": {"background": 0, "whole": [1, 2]}}))
    with pytest.raises(ValueError, match=r"\['whole'\] are regions"):
        find_scans(str(folder), "ct")


def test_patients_are_those_of_the_conversions_record(raw_dataset, tmp_path, capsys):
    folder = shutil.copytree(raw_dataset, tmp_path / "copy")
    record = {case: {"patient_key": key} for case, key in (("fdg_00aa_2001", "a"), ("fdg_00aa_2002", None))}
    (folder / "muduo_cases.json").write_text(json.dumps({"cases": record}))
    assert [scan.patient for scan in find_scans(str(folder), "ct")] == ["a", "fdg_00aa_2002", "00bb"]
    assert "the patients of 1 cases are unknown" in capsys.readouterr().out
    find_scans(str(raw_dataset), "ct")
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "modality", "channel"),
    [
        (("CT", "PET"), "pet", 1),
        (("T1", "CT (HU)"), "ct", 1),
        (("SUV", "CT"), "pet", 0),
        (("noPET", "CT"), "pet", 0),
        (("FDG-PET", "CTA"), "pet", 0),
    ],
)
def test_channels_are_known_by_their_names(raw_dataset, tmp_path, names, modality, channel):
    folder = shutil.copytree(raw_dataset, tmp_path / "Dataset904_Named")
    content = json.loads((folder / "dataset.json").read_text())
    channel_names = {str(number): name for number, name in enumerate(names)}
    (folder / "dataset.json").write_text(json.dumps(content | {"channel_names": channel_names}))
    assert all(scan.image.name.endswith(f"_000{channel}.nii.gz") for scan in find_scans(str(folder), modality))
