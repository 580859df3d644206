"""The NIfTI layouts in which AutoPET is handed out, converted from generated trees with their real quirks."""

import json
import shutil

import SimpleITK as sitk

STUDY = "03-23-2003-NA-PET-CT Ganzkoerper nativ u. mit  KM-1044"


def test_autopet_tree(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 9, n_unlabeled=2)
    done = convert("autopet", source, "--copy", sizes=(3, 1, 1))
    assert done.exit_code == 0
    assert json.loads((done.dataset / "dataset.json").read_text()) == {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 4,
        "file_ending": ".nii.gz",
        "name": "T",
    }
    for folder, set_names in {
        "imagesTr": ("labeled", "val"),
        "imagesTs": ("test",),
        "imagesUn": ("unlabeled",),
    }.items():
        expected = [f"{i}_000{c}.nii.gz" for name in set_names for i in done.members(name) for c in (0, 1)]
        assert sorted(path.name for path in (done.dataset / folder).iterdir()) == sorted(expected)
    assert {path.name for path in (done.dataset / "labelsTs").iterdir()} == {
        f"{i}.nii.gz" for i in done.members("test")
    }
    assert not (done.dataset / "labelsUn").exists()
    for case_id, entry in done.record["cases"].items():
        for role, channel in (("ct", 0), ("pet", 1)):
            for copy in done.dataset.glob(f"images*/{case_id}_000{channel}.nii.gz"):
                assert copy.read_bytes() == open(entry["origin"][role], "rb").read()
                assert not copy.is_symlink()


def test_files_in_the_patients_folder_and_a_wrapping_folder(convert, petct, tmp_path):
    for number in range(4):
        petct.write_study(tmp_path / "flat" / f"STS_{number:03d}", petct.random_study(number))
    done = convert("autopet", tmp_path / "flat")
    assert sorted(done.record["cases"]) == [f"sts_{number:03d}" for number in range(4)]
    petct.write_tree(tmp_path / "outer" / "FDG-PET-CT-Lesions", 4)
    shutil.rmtree(done.dataset)
    done = convert("autopet", tmp_path / "outer", name="T")
    assert {entry["patient"] for entry in done.record["cases"].values()} == {f"PETCT_{n:010x}" for n in range(4)}


def test_autopet3_layout_with_its_own_masks(convert, petct, tmp_path):
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "src" / folder).mkdir(parents=True)
    (tmp_path / "src" / "splits_final.json").write_text("[]")
    names = [f"fdg_{n:010x}_{STUDY}{n}" for n in range(3)] + [f"psma_{n:016x}_2018-04-2{n}" for n in range(3)]
    names.append(f"fdg_{0:010x}_04-01-2004-NA-Unspecified CT ABDOMEN-27095")
    for number, name in enumerate(names):
        images = petct.random_study(number)
        sitk.WriteImage(images["CTres"], str(tmp_path / "src" / "imagesTr" / f"{name}_0000.nii.gz"))
        sitk.WriteImage(images["SUV"], str(tmp_path / "src" / "imagesTr" / f"{name}_0001.nii.gz"))
        sitk.WriteImage(images["SEG"], str(tmp_path / "src" / "labelsTr" / f"{name}.nii.gz"))
    done = convert("autopet", tmp_path / "src", sizes=(1, 1, 1))
    assert done.exit_code == 0
    assert len(done.record["cases"]) == 7
    assert len({entry["patient_key"] for entry in done.record["cases"].values()}) == 6
    assert "psma_0000000000000001_2018-04-21" in done.record["cases"]


def test_real_sarcoma_data(convert, shared_data):
    done = convert("autopet", shared_data / "sts", "--link", sizes=(5, 2, 3))
    assert done.exit_code == 0
    assert len(done.members("unlabeled")) == 31
