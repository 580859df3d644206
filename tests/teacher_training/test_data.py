"""Which scans are found, how they are resampled, and which voxel of a file lies where in a crop."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from nnunetv2_muduo.teacher_training.crops import Cropper, cut_cube, join_crops
from nnunetv2_muduo.teacher_training.data import hold_out, load_volumes, read_noisy_names
from nnunetv2_muduo.teacher_training.sources import find_scans
from nnunetv2_muduo.teacher_training.volumes import cached_volume, read_isotropic
from nnunetv2_muduo.teachers.patch_space import normalize_ct


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


def test_isotropic_volume_keeps_places(tmp_path, raw_dataset):
    """A linear ramp in mm is the same function of place after resampling, and axes are (x, y, z)."""
    scan = find_scans(str(raw_dataset), "ct")[0]
    shape_zyx, spacing = (9, 14, 12), np.array((3.0, 2.0, 5.0))
    indices = np.indices(shape_zyx)[::-1]  # x, y, z
    ramp = np.tensordot((1.0, 10.0, 100.0), indices * spacing[:, None, None, None], 1)
    for array, path in ((ramp, tmp_path / "i.nii.gz"), (np.ones(shape_zyx, np.uint8), tmp_path / "l.nii.gz")):
        image = sitk.GetImageFromArray(array.astype(np.float32) if array is ramp else array)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        sitk.WriteImage(image, str(path))
    moved = type(scan)("case", "p", tmp_path / "i.nii.gz", tmp_path / "l.nii.gz", {1: "a"})
    resampled, labels = read_isotropic(moved, 4.0)
    assert resampled.shape == labels.shape == (9, 7, 11)  # 36, 28 and 45 mm
    x, y, z = (
        np.indices(resampled.shape) * 4.0 + 2.0 - spacing[:, None, None, None] / 2
    )  # centers, from the first center
    inside = (slice(1, -1),) * 3
    np.testing.assert_allclose(resampled[inside], (x + 10 * y + 100 * z)[inside], rtol=1e-4)


def test_native_spacing_changes_nothing(raw_dataset):
    scan = find_scans(str(raw_dataset), "ct")[0]
    image, labels = read_isotropic(scan, 4.0)
    np.testing.assert_array_equal(image.T, sitk.GetArrayFromImage(sitk.ReadImage(str(scan.image))))
    np.testing.assert_array_equal(labels.T, sitk.GetArrayFromImage(sitk.ReadImage(str(scan.label))))


def test_cache_is_kept_until_the_scan_changes(raw_dataset, tmp_path):
    scan = find_scans(str(raw_dataset), "pet")[0]
    first = cached_volume(scan, "pet", 4.0, tmp_path)
    assert first.image.dtype == np.float16
    np.save(first.path / "image.npy", np.zeros_like(first.image))
    assert not cached_volume(scan, "pet", 4.0, tmp_path).image.any()
    assert cached_volume(scan, "pet", 5.0, tmp_path).image.any()


def test_other_grids_and_values_are_refused(raw_dataset, tmp_path):
    first, other = find_scans(str(raw_dataset), "pet")[:2]
    small = sitk.ReadImage(str(first.label))[:-1]
    sitk.WriteImage(small, str(tmp_path / "small.nii.gz"))
    sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(first.label)), (False, False, True)), str(tmp_path / "flipped.nii.gz"))
    for name in ("small", "flipped"):  # the second has the same size, and its voxels in another order
        with pytest.raises(ValueError, match=rf"different grids(.|\n)*{name}\.nii\.gz"):
            read_isotropic(type(first)("c", "p", first.image, tmp_path / f"{name}.nii.gz", {}), 4.0)
    image = sitk.Cast(sitk.ReadImage(str(first.image)), sitk.sitkFloat32) * 1e5
    sitk.WriteImage(image, str(tmp_path / "bq.nii.gz"))
    with pytest.raises(ValueError, match=r"bq\.nii\.gz has values from .* which are no SUV"):
        cached_volume(type(first)("c", "p", tmp_path / "bq.nii.gz", first.label, {}), "pet", 4.0, tmp_path)
    assert other.name != first.name


def test_organ_centers_are_those_of_simpleitks_boxes(volumes, raw_dataset):
    for volume in volumes:
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(sitk.ReadImage(str(raw_dataset / "labelsTr" / f"{volume.name}.nii.gz")))
        assert set(volume.centers) == {1, 2}
        for label, center in volume.centers.items():
            x, y, z, *size = shapes.GetBoundingBox(label)
            assert center == tuple(a + (n - 1) // 2 for a, n in zip((x, y, z), size, strict=True))


def test_crop_against_simpleitks_indexing(volumes, raw_dataset, generator):
    """Voxel (i, j, k) of a crop is SimpleITK's voxel (x, y, z) = center - size // 2 + (i, j, k)."""
    volume, center = volumes[1], (9, 12, 10)
    image = sitk.ReadImage(str(raw_dataset / "imagesTr" / f"{volume.name}_0000.nii.gz"))
    labels = sitk.ReadImage(str(raw_dataset / "labelsTr" / f"{volume.name}.nii.gz"))
    crop = Cropper("ct", 16, 8).crop(volume, center, generator)
    cube = torch.tensor(
        [[[image[1 + i, 4 + j, 2 + k] for k in range(16)] for j in range(16)] for i in range(16)], dtype=torch.float32
    )
    torch.testing.assert_close(crop.image, normalize_ct(cube[None, None]))
    label_of = {"liver": 1, "spleen": 2}
    for organ, mask in zip(crop.organs, crop.truth_mask, strict=True):
        for i, j, k in torch.randint(16, (200, 3), generator=generator).tolist():
            assert mask[i, j, k] == (labels[1 + i, 4 + j, 2 + k] == label_of[organ])


def test_cubes_reach_over_the_border_with_zeros():
    array = np.arange(1, 61).reshape(3, 4, 5)
    cube = cut_cube(array, (0, 3, 2), 4)
    padded = np.pad(array, 4)
    np.testing.assert_array_equal(cube, padded[2:6, 5:9, 4:8])
    assert not cut_cube(array, (50, 0, 0), 4).any()


def test_random_crops_show_their_organs_however_flipped(volumes, generator):
    crops = Cropper("ct", 16, 8, frozenset([volumes[0].name])).random_crops(volumes, 40, generator)
    assert crops.image.shape == (40, 1, 16, 16, 16)
    assert len(crops.organs) == len(crops.truth_mask) == len(crops.crop_index) == len(crops.is_noisy)
    assert set(crops.organs) == {"liver", "spleen"}
    for organ, mask, index in zip(crops.organs, crops.truth_mask, crops.crop_index, strict=True):
        image, any_organ = crops.image[index, 0], crops.truth_mask[crops.crop_index == index].any(0)
        assert image[mask].min() > image[~any_organ].mean() + 1, organ
    by_crop = [set(crops.is_noisy[crops.crop_index == i].tolist()) for i in range(40)]
    assert all(len(kinds) == 1 for kinds in by_crop)
    assert {True, False} == set.union(*by_crop)


def test_no_more_organs_than_asked_for(volumes, generator):
    crops = Cropper("ct", 16, 1).random_crops(volumes, 10, generator)
    assert crops.crop_index.tolist() == list(range(10))
    assert len(set(crops.organs)) == 2


def test_joined_crops_keep_their_organs_apart(volumes, generator):
    cropper = Cropper("ct", 16, 8)
    parts = [cropper.random_crops(volumes, n, generator) for n in (2, 3)]
    joined = join_crops(parts)
    assert torch.equal(joined.crop_index, torch.cat([parts[0].crop_index, parts[1].crop_index + 2]))


def test_patients_are_never_on_both_sides(volumes):
    train, held_out = hold_out(volumes, 0.5, seed=0)
    assert sorted(v.name for v in train + held_out) == sorted(v.name for v in volumes)
    assert not {v.patient for v in train} & {v.patient for v in held_out}
    with pytest.raises(ValueError, match=r"holding out 0\.5 of 1 patients"):
        hold_out(train[:1], 0.5, seed=0)


def test_noisy_labels_measure_nothing(volumes):
    for noisy in ("00aa", "00bb"):
        names = frozenset(v.name for v in volumes if v.patient == noisy)
        for seed in range(4):
            train, held_out = hold_out(volumes, 0.5, seed, frozenset(sorted(names)[:1]))
            assert {v.patient for v in train} == {noisy}
            assert noisy not in {v.patient for v in held_out}
    with pytest.raises(ValueError, match="2 of them with noisy labels"):
        hold_out(volumes, 0.5, 0, frozenset(v.name for v in volumes))


def test_patients_are_those_of_the_conversions_record(raw_dataset, tmp_path, capsys):
    folder = shutil.copytree(raw_dataset, tmp_path / "copy")
    record = {case: {"patient_key": key} for case, key in (("fdg_00aa_2001", "a"), ("fdg_00aa_2002", None))}
    (folder / "muduo_cases.json").write_text(json.dumps({"cases": record}))
    assert [scan.patient for scan in find_scans(str(folder), "ct")] == ["a", "fdg_00aa_2002", "00bb"]
    assert "the patients of 1 cases are unknown" in capsys.readouterr().out
    find_scans(str(raw_dataset), "ct")
    assert not capsys.readouterr().out


def test_each_case_has_its_own_spacing_from_the_range(raw_dataset, tmp_path):
    spacings = [
        [v.spacing_mm for v in load_volumes([str(raw_dataset)], "ct", (4.0, 6.0), tmp_path, seed)] for seed in (0, 0, 1)
    ]
    assert len(set(spacings[0])) == 3
    assert all(4 <= mm <= 6 for mm in spacings[0])
    assert spacings[0] == spacings[1] != spacings[2]


def test_list_of_cases_of_low_quality(volumes, tmp_path):
    path = tmp_path / "noisy.txt"
    path.write_text("fdg_00bb_2001\n\n")
    assert read_noisy_names(path, volumes) == {"fdg_00bb_2001"}
    path.write_text("fdg_00bb_2001\nnobody\n")
    with pytest.raises(ValueError, match=r"no such cases: \['nobody'\]"):
        read_noisy_names(path, volumes)
    with pytest.raises(FileNotFoundError, match="one case name a line"):
        read_noisy_names(tmp_path / "none.txt", volumes)
