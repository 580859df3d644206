"""Label maps in folders, archives and trees: found and put beside their cases."""

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.conversion import write_organ_maps

from nnunetv2_muduo.conversion.label_maps import find_label_maps


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_autopet_organ_maps_are_matched_merged_and_measured(convert, petct, tmp_path, packed):
    source = petct.write_tree(tmp_path / "src", 6)
    labels = write_organ_maps(tmp_path / "AutoPET-OrganlabelsTr", source, range(1, 13))
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


def test_autopet3_organ_maps_with_the_older_tree(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 4)
    labels = write_organ_maps(tmp_path / "maps", source, range(1, 11), prefix="fdg_", ending="")
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


def test_real_organ_maps_of_autopet3(shared_data):
    maps = find_label_maps(shared_data / "autopet3_organs")
    assert len(maps.by_key) == 304
    assert len({key.split("_")[0] for key in maps.by_key}) == 260


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("form", ["map.nii.gz", "map.NII.GZ", "map.nii", "map.NII", "plain.nii.gz"])
def test_each_form_of_a_map_is_found_and_what_macos_leaves_is_not(convert, petct, tmp_path, packed, form):
    source, labels = tmp_path / "src", tmp_path / "maps" / "below"
    labels.mkdir(parents=True)
    (tmp_path / "maps" / "__MACOSX" / "below").mkdir(parents=True)
    for number in range(4):
        study = petct.random_study(number)
        ending = form.partition(".")[2]
        whole = petct.write_study(tmp_path / "whole", {"SEG": study.pop("SEG")}) / "SEG.nii.gz"
        data = whole.read_bytes() if form.lower() == "map.nii.gz" else gzip.decompress(whole.read_bytes())
        (labels / f"p{number}.{ending}").write_bytes(data)
        petct.write_study(source / f"p{number}", study)
        for place in (labels, tmp_path / "maps" / "__MACOSX" / "below"):
            (place / f"._p{number}.{ending}").write_bytes(b"\0\x05\x16\x07")
    place = tmp_path / "maps"
    if packed:
        place = Path(shutil.make_archive(str(tmp_path / "maps"), "zip", tmp_path / "maps"))
    done = convert("autopet", source, "--labels", place, sizes=(2, 1, 1))
    assert done.exit_code == 0, done.report
    assert "label maps belong to no PET/CT" not in done.report
    for path in (done.dataset / "labelsTr").iterdir():
        expected = petct.random_study(int(path.name[1]))["SEG"]
        np.testing.assert_array_equal(array(path), sitk.GetArrayFromImage(expected))


@pytest.mark.parametrize("layout", ["tree", "folder"])
def test_two_maps_for_one_case_are_refused(convert, petct, tmp_path, layout):
    for number in range(5):
        study = petct.random_study(number)
        place = tmp_path / "maps" / f"p{number}" if layout == "tree" else tmp_path / "maps"
        written = petct.write_study(place, {"SEG" if layout == "tree" else f"p{number}": study.pop("SEG")})
        petct.write_study(tmp_path / "src" / f"p{number}", study)
    path = written / ("SEG.nii.gz" if layout == "tree" else "p4.nii.gz")
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    done = convert("autopet", tmp_path / "src", "--labels", tmp_path / "maps", sizes=(2, 1, 1))
    assert done.exit_code == 1
    assert f"* p4: two label maps for one case: {path.with_suffix('')} and {path}. Leave" in done.report


def test_maps_in_another_format_are_named(petct, tmp_path):
    path = petct.write_study(tmp_path, {"p0": petct.random_study(0)["SEG"]}) / "p0.nii.gz"
    path.rename(tmp_path / "p0.nrrd")
    with pytest.raises(
        FileNotFoundError, match=r"no \.nii\.gz label maps in it\. .*p0\.nrrd is not read.*save it as \.nii\.gz"
    ):
        find_label_maps(tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_map_that_lies_in_two_places_is_refused_with_both(convert, petct, tmp_path, packed):
    (tmp_path / "maps").mkdir()
    for number in range(5):
        study = petct.random_study(number)
        path = tmp_path / "maps" / f"p{number}.nii.gz"
        sitk.WriteImage(study.pop("SEG"), str(path))
        petct.write_study(tmp_path / "src" / f"p{number}", study)
    image = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    image.set_qform(image.affine @ np.diag([-1, 1, 1, 1]), 1)
    nibabel.save(image, path)
    place = tmp_path / "maps"
    if packed:
        place = Path(shutil.make_archive(str(tmp_path / "maps"), "zip", tmp_path / "maps"))
    done = convert("autopet", tmp_path / "src", "--labels", place, sizes=(2, 1, 1))
    assert done.exit_code == 1
    refusals = done.report.partition("## Refused")[2]
    assert (
        f"* p4: {place}{'!' if packed else '/'}p4.nii.gz: sform and qform put its voxels up to 22 voxels apart"
        in refusals
    )
    assert "  sform: -4 0 0 30; 0 4 0 -20; 0 0 5 -100" in refusals
    assert "  qform: 4 0 0 30; 0 4 0 -20; 0 0 5 -100" in refusals
    assert refusals.count("\n* ") == 1
