"""Everything that can be wrong with a source is named in the report; the other cases are converted."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.conversion import GOOD, moved


def refusal(done, case_id):
    """The line on a case in the report's last section."""
    section = done.report.partition("## Refused")[2]
    return section.partition(f"* {case_id}: ")[2]


def assert_refused(done, case_id, *words):
    assert done.exit_code == 1
    assert case_id not in done.record["cases"]
    assert not list(done.dataset.rglob(f"{case_id}*"))
    assert set(GOOD) <= set(done.record["cases"])
    for word in words:
        assert word in refusal(done, case_id)


def changed(images, stem, change):
    array = sitk.GetArrayFromImage(images[stem])
    image = sitk.GetImageFromArray(change(array))
    image.CopyInformation(images[stem])
    return images | {stem: image}


def with_nan(array):
    array[3, 3, 3] = np.nan
    return array


@pytest.mark.parametrize(
    ("stem", "change", "words"),
    [
        ("SUV", with_nan, ["SUV.nii.gz", "NaN"]),
        ("SUV", np.zeros_like, ["SUV.nii.gz", "every voxel has the value 0"]),
        ("SUV", lambda a: a * 5000, ["SUV.nii.gz", "not in SUV", "Bq/ml"]),
        ("CTres", np.ones_like, ["CTres.nii.gz", "every voxel has the value 1"]),
        ("CTres", lambda a: a + 1000, ["CTres.nii.gz", "not in HU"]),
        ("SEG", lambda a: a * 7, ["holds the values [7]"]),
        ("SEG", lambda a: a * 0.5, ["SEG.nii.gz", "not whole numbers"]),
    ],
    ids=["nan", "constant-pet", "bqml", "constant-ct", "no-air", "foreign-label", "broken-label"],
)
def test_implausible_values(convert, source, petct, stem, change, words):
    petct.write_study(source / "bad", changed(petct.random_study(9), stem, change))
    assert_refused(convert("autopet", source), "bad", *words)


@pytest.mark.parametrize("stem", ["CTres", "SUV", "SEG"])
@pytest.mark.parametrize("n_bytes", [0, 100])
def test_empty_and_truncated_files(convert, source, petct, stem, n_bytes):
    path = petct.write_study(source / "bad", petct.random_study(9)) / f"{stem}.nii.gz"
    path.write_bytes(path.read_bytes()[:n_bytes])
    assert_refused(convert("autopet", source), "bad", f"{stem}.nii.gz", "truncated or damaged")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (("SUV", "SEG"), ["a PET without its CT"]),
        (("CTres", "SEG"), ["a CT without its PET in SUV"]),
        (("CTres", "PET"), ["PET.nii.gz is in Bq/ml"]),
    ],
)
def test_missing_images(convert, source, petct, left, words):
    images = petct.random_study(9)
    images["PET"] = images["SUV"]
    petct.write_study(source / "bad", {stem: images[stem] for stem in left})
    assert_refused(convert("autopet", source), "bad", *words)


def test_two_cts_for_one_pet(convert, source, petct):
    folder = petct.write_study(source / "bad", petct.random_study(9))
    sitk.WriteImage(petct.random_study(8)["CTres"], str(folder / "CTres.nii"))
    assert_refused(convert("autopet", source), "bad", "2 files for one CTres: CTres.nii, CTres.nii.gz")


def test_duplicate_names_are_all_refused(convert, source, petct):
    for folder in ("bad one", "bad.one"):
        petct.write_study(source / folder, petct.random_study(9))
    assert_refused(convert("autopet", source), "bad-one", "2 cases would get this name", "bad one/", "bad.one/")


def test_ctres_on_another_grid_is_refused_with_both_geometries(convert, source, petct):
    images = petct.random_study(9)
    petct.write_study(source / "bad", images | {"CTres": moved(images["CTres"], (2, 0, 0))})
    done = convert("autopet", source)
    assert_refused(done, "bad", "not on the grid of its PET", "origin (-28, 20, -100) mm", "origin (-30, 20, -100) mm")


def test_ct_and_label_far_away_are_refused_with_both_geometries(convert, source, petct):
    images = petct.random_study(9)
    far = {"CT": moved(images["CTres"], (500, 0, 0)), "SUV": images["SUV"]}
    petct.write_study(source / "bad1", far)
    petct.write_study(source / "bad2", images | {"SEG": moved(images["SEG"], (0, 0, 900))})
    done = convert("autopet", source)
    assert_refused(done, "bad1", "don't overlap", "origin (470, 20, -100) mm", "origin (-30, 20, -100) mm")
    assert_refused(done, "bad2", "don't overlap", "origin (-30, 20, 800) mm", "origin (-30, 20, -100) mm")


def test_label_whose_voxels_all_lie_outside_is_refused(convert, source, petct):
    images = petct.random_study(9)
    petct.write_study(source / "bad", images | {"SEG": moved(images["SEG"], (0, 0, -45))})
    assert_refused(convert("autopet", source), "bad", "no labelled voxel lies inside the PET")


def test_truncated_zip_and_missing_labels_are_said(convert, source, tmp_path):
    (tmp_path / "maps.zip").write_bytes(b"PK\x03\x04 not really")
    done = convert("autopet-organ", source, "--labels", tmp_path / "maps.zip")
    assert done.exit_code == 1
    assert "maps.zip: not a zip archive, or truncated" in done.message
    done = convert("autopet", source, "--labels", tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "no such folder or zip archive" in done.message


def test_folders_without_petct_are_said(convert, tmp_path):
    (tmp_path / "src").mkdir()
    for place in ("src", "missing"):
        done = convert("autopet", tmp_path / place)
        assert done.exit_code == 1
        assert place in done.message
        assert not done.dataset.exists()


def test_too_few_labels_are_said_with_what_was_refused(convert, source, petct):
    path = petct.write_study(source / "bad", petct.random_study(9)) / "SUV.nii.gz"
    path.write_bytes(b"")
    done = convert("autopet", source, sizes=(4, 1, 1))
    assert done.exit_code == 1
    assert "there are 5 labelled cases of 5 patients" in done.message
    assert "bad was refused" in done.message


def test_dry_run_reports_and_writes_nothing(convert, source, nnunet_folders):
    done = convert("autopet", source, "--dry-run")
    assert done.exit_code == 0
    assert "| labeled | 2 | 2 |" in done.message
    assert not any(path.is_file() for path in nnunet_folders.glob("nnUNet_*/**/*"))


def test_a_case_whose_source_vanishes_keeps_its_conversion(convert, source):
    first = convert("autopet", source, "--copy")
    shutil.rmtree(source / "good0")
    second = convert("autopet", source, "--copy")
    assert second.exit_code == 0
    assert second.files() == first.files()
