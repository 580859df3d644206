"""The NIfTI layouts in which AutoPET is handed out, converted from generated trees with their real quirks."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

STUDY = "03-23-2003-NA-PET-CT Ganzkoerper nativ u. mit  KM-1044"


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def write_organ_maps(folder, tree, values, petct, prefix="PETCT_", ending="_"):
    """One organ map per study of a tree, named as in AutoPET-Organ; each case has all values but the last or last but one."""
    folder.mkdir()
    studies = sorted(path.parent for path in tree.rglob("SUV.nii.gz"))
    for number, study in enumerate(studies):
        name = f"{prefix}{study.parent.name.split('_')[1]}_{study.name}{ending}"
        present = [value for value in values if value != (11, 12)[number % 2]]
        image = petct.random_study(number, label_values=present)["SEG"]
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    return folder


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


def test_split_is_where_nnunet_reads_it(convert, petct, tmp_path):
    done = convert("autopet", petct.write_tree(tmp_path / "src", 7), sizes=(2, 2, 1))
    splits = json.loads((tmp_path / "nnUNet_preprocessed" / done.dataset.name / "splits_final.json").read_text())
    assert splits == [{"train": done.members("labeled"), "val": done.members("val")}]
    assert json.loads((done.dataset / "splits_final.json").read_text()) == splits
    assert len(splits[0]["train"]) == len(splits[0]["val"]) == 2


def test_without_val_cases_nnunet_validates_on_the_labeled_ones(convert, petct, tmp_path):
    done = convert("autopet", petct.write_tree(tmp_path / "src", 4), sizes=(2, 0, 1))
    splits = json.loads((done.dataset / "splits_final.json").read_text())
    assert splits[0]["train"] == splits[0]["val"] == done.members("labeled")
    assert "No val cases asked for" in done.report


def test_nnunet_finds_nothing_to_complain_about(convert, petct, tmp_path):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    done = convert("autopet", petct.write_tree(tmp_path / "src", 5), "--link")
    assert maybe_convert_to_dataset_name(705) == done.dataset.name
    verify_dataset_integrity(str(done.dataset), num_processes=1)


def test_link_points_to_files_and_copies_only_what_must_change(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    moved = next(source.rglob("CTres.nii.gz"))
    image = sitk.ReadImage(str(moved))
    sitk.WriteImage(sitk.Flip(image, (True, False, False)), str(moved))
    done = convert("autopet", source, "--link")
    changed = [path for path in done.dataset.glob("*/*.nii.gz") if not path.is_symlink()]
    assert len(changed) == 1
    np.testing.assert_array_equal(array(changed[0]), sitk.GetArrayFromImage(image))
    assert "voxels reordered" in done.report


def test_files_in_the_patients_folder_and_a_wrapping_folder(convert, petct, tmp_path):
    for number in range(4):
        petct.write_study(tmp_path / "flat" / f"STS_{number:03d}", petct.random_study(number))
    done = convert("autopet", tmp_path / "flat")
    assert sorted(done.record["cases"]) == [f"sts_{number:03d}" for number in range(4)]
    petct.write_tree(tmp_path / "outer" / "FDG-PET-CT-Lesions", 4)
    shutil.rmtree(done.dataset)
    done = convert("autopet", tmp_path / "outer", name="T")
    assert {entry["patient"] for entry in done.record["cases"].values()} == {f"PETCT_{n:010x}" for n in range(4)}


def test_ct_on_its_own_grid_is_resampled_with_air_outside(convert, petct, tmp_path):
    for number in range(3):
        images = petct.random_study(number)
        ramp = np.tile(60 * np.arange(26, dtype=np.int16) - 900, (24, 30, 1))
        ct = petct.image_of(ramp, spacing=(1.5, 1.5, 2), origin=(-30, 20, -100))
        petct.write_study(tmp_path / "src" / f"p{number}", {"CT": ct, "SUV": images["SUV"], "SEG": images["SEG"]})
    done = convert("autopet", tmp_path / "src", sizes=(1, 1, 1))
    assert done.exit_code == 0
    result = sitk.ReadImage(str(next(done.dataset.glob("imagesTr/*_0000.nii.gz"))))
    assert result.GetSize() == petct.SIZE_XYZ
    values = sitk.GetArrayFromImage(result)
    expected_hu = 60 * np.arange(10) * 4 / 1.5 - 900  # the CT ends at x = 8.25 mm, the PET's tenth column is at 6 mm
    np.testing.assert_allclose(values[:, :, :10], np.broadcast_to(expected_hu, (10, 11, 10)), atol=0.51)
    assert (values[:, :, 10:] == -1024).all()
    assert "resampled linearly" in done.report


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


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_autopet_organ_maps_are_matched_merged_and_measured(convert, petct, tmp_path, packed):
    source = petct.write_tree(tmp_path / "src", 6)
    labels = write_organ_maps(tmp_path / "AutoPET-OrganlabelsTr", source, range(1, 13), petct)
    lonely = labels / "PETCT_ffffffffff_no such study_.nii.gz"
    shutil.copy(next(labels.iterdir()), lonely)
    if packed:
        with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
            for path in labels.iterdir():
                archive.write(path, f"AutoPET-OrganlabelsTr/{path.name}")
            archive.writestr("__MACOSX/._x.nii.gz", b"junk")
        labels = tmp_path / "maps.zip"
    done = convert("autopet-organ", source, "--labels", labels, "--link", sizes=(3, 1, 1))
    assert done.exit_code == 0
    assert list(json.loads((done.dataset / "dataset.json").read_text())["labels"].values()) == list(range(12))
    assert "11 and 12 both are the right middle lobe" in done.report
    assert "1 of 9 label maps belong to no PET/CT here" in done.report
    written = [array(path) for folder in ("labelsTr", "labelsTs") for path in (done.dataset / folder).iterdir()]
    assert len(written) == 5
    for labels_zyx in written:
        assert set(np.unique(labels_zyx)) == set(range(12))
    rows = [line for line in done.report.splitlines() if "lung_middle_lobe_right" in line and line.startswith("|")]
    assert [row.split(" | ")[2] for row in rows] == ["4", "4"]


def test_sides_that_are_mixed_up_are_reported(convert, petct, tmp_path):
    """random_study puts value 2 and 3 at the same x, so left is never left of right."""
    source = petct.write_tree(tmp_path / "src", 4)
    labels = write_organ_maps(tmp_path / "maps", source, range(1, 13), petct)
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 0 of 5 maps**: sides are mixed up" in done.report
    for path in labels.iterdir():
        image = sitk.ReadImage(str(path))
        image[8:10, 3, 5] = 2  # the index axis x points to the left
        sitk.WriteImage(image, str(path))
    shutil.rmtree(done.dataset)
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 5 of 5 maps\n" in done.report


def test_autopet3_organ_maps_with_the_older_tree(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 4)
    labels = write_organ_maps(tmp_path / "maps", source, range(1, 11), petct, prefix="fdg_", ending="")
    done = convert("autopet-organ", source, "--labels", labels)
    assert done.exit_code == 0
    assert "AutoPET III organ maps" in done.report
    assert list(done.record["labels"])[1:4] == ["spleen", "kidneys", "liver"]


def test_labels_of_another_tree_with_names(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    for path in source.rglob("SEG.nii.gz"):
        target = tmp_path / "organs" / path.relative_to(source)
        target.parent.mkdir(parents=True)
        image = petct.random_study(1, label_values=(3, 5))["SEG"]
        sitk.WriteImage(image, str(target))
    (tmp_path / "organs" / "labels.json").write_text(json.dumps({"background": 0, "liver": 3, "heart": 5}))
    done = convert("autopet", source, "--labels", tmp_path / "organs")
    assert done.exit_code == 0
    assert done.record["labels"] == {"background": 0, "liver": 1, "heart": 2}
    assert set(np.unique(array(next((done.dataset / "labelsTr").iterdir())))) == {0, 1, 2}


def test_real_sarcoma_data(convert, shared_data):
    done = convert("autopet", shared_data / "sts", "--link", sizes=(5, 2, 3))
    assert done.exit_code == 0
    assert len(done.members("unlabeled")) == 31


def test_real_organ_maps_of_autopet3(shared_data):
    from nnunetv2_muduo.conversion.label_maps import find_label_maps

    maps = find_label_maps(shared_data / "autopet3_organs")
    assert len(maps.by_key) == 304
    assert len({key.split("_")[0] for key in maps.by_key}) == 260
