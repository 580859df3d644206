"""The same scan under several names stays in one set, and the report says so."""

import gzip
import shutil

import pytest
import SimpleITK as sitk
from fixtures.conversion import random_study, write_study

from nnunetv2_muduo.conversion.copies import copied_cases, joined, with_copies_joined
from nnunetv2_muduo.conversion.split import LEFT_OUT


@pytest.fixture
def source(tmp_path):
    """Six labeled patients, and three without labels."""
    for number in range(9):
        images = random_study(number)
        if number > 5:
            del images["SEG"]
        write_study(tmp_path / "src" / f"p{number}", images)
    return tmp_path / "src"


def packed_anew(path, copy):
    copy.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=1))


def rewritten(path, copy):
    image = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat64)
    image.SetMetaData("descrip", "another program")
    sitk.WriteImage(image, str(copy))


def copy_scan(source, stems, by=shutil.copy, of="p{}", to="copy{}", numbers=range(6)):
    """Copies without labels of the labeled patients' images; those that are not copied are others."""
    for number in numbers:
        folder = write_study(source / to.format(number), random_study(50 + number))
        (folder / "SEG.nii.gz").unlink()
        for stem in stems:
            by(source / of.format(number) / f"{stem}.nii.gz", folder / f"{stem}.nii.gz")


def sets_of(done):
    return {case: entry["set"] for case, entry in done.record["cases"].items()}


def assert_no_copy_in_another_set(sets, numbers=range(6)):
    for number in numbers:
        pair = {sets[f"p{number}"], sets[f"copy{number}"]} - {LEFT_OUT}
        assert len(pair) == 1, (number, pair)


@pytest.mark.parametrize("by", [shutil.copy, packed_anew, rewritten])
@pytest.mark.parametrize("stems", [("SUV",), ("CTres",), ("SUV", "CTres")], ids=" and ".join)
def test_copies_of_labeled_scans_are_not_among_the_unlabeled(convert, source, stems, by):
    copy_scan(source, stems, by)
    done = convert("autopet", source)
    assert done.exit_code == 0
    sets = sets_of(done)
    assert_no_copy_in_another_set(sets)
    drawn = [number for number in range(6) if sets[f"p{number}"] in ("labeled", "val", "test")]
    assert len(drawn) == 4
    assert all(sets[f"copy{number}"] == LEFT_OUT for number in drawn)
    section = done.report.partition("## The same scan under several names")[2]
    for number in drawn:
        assert f"copy{number} (left out), p{number} (" in section


def test_without_copies_nothing_is_said(convert, source):
    assert "same scan" not in convert("autopet", source).report


def test_labeled_copies_share_a_set(convert, source):
    for number in range(6):
        shutil.copytree(source / f"p{number}", source / f"copy{number}")
    done = convert("autopet", source, sizes=(2, 2, 2))
    assert_no_copy_in_another_set(sets_of(done))
    for name in ("labeled", "val", "test"):
        first, second = done.members(name)
        assert f"{first} ({name}), {second} ({name})" in done.report


def test_a_copy_that_comes_later_is_left_out(convert, source):
    before = sets_of(convert("autopet", source))
    copy_scan(source, ("SUV",), packed_anew)
    after = sets_of(convert("autopet", source))
    assert {case: after[case] for case in before} == before
    assert_no_copy_in_another_set(after)


def test_a_copy_joins_patients(convert, source):
    """The second study of a patient is a copy of another patient's scan."""
    for number in range(4):
        write_study(source / f"p{number}" / "later", random_study(70 + number))
        shutil.copy(source / f"p{number + 1}" / "SUV.nii.gz", source / f"p{number}" / "later" / "SUV.nii.gz")
    sets = sets_of(convert("autopet", source, sizes=(1, 1, 0)))
    chain = {case: name for case, name in sets.items() if case[:2] in ("p0", "p1", "p2", "p3", "p4")}
    assert len(chain) == 9
    assert len(set(chain.values()) - {LEFT_OUT}) == 1


def test_what_an_older_version_put_into_two_sets_is_said(convert, source, monkeypatch):
    copy_scan(source, ("SUV",))
    with monkeypatch.context() as patch:
        patch.setattr("nnunetv2_muduo.conversion.planning.with_copies_joined", lambda patients, _: patients)
        convert("autopet", source)
    report = convert("autopet", source).report
    assert "the same scan in 2 sets**" in report
    assert "Patients in two sets" in report
    assert "No patient in two sets" not in report


def test_groups_are_joined_by_any_member():
    assert sorted(map(sorted, joined([{1, 2}, {3, 4}, {5, 6}, {2, 3}]))) == [[1, 2, 3, 4], [5, 6]]
    findings = {
        "a": {"voxels": {"ct": "1", "pet": "2"}},
        "b": {"voxels": {"ct": "1", "pet": "3"}},
        "c": {"voxels": {"ct": "4", "pet": "3"}},
        "d": {"voxels": {"ct": "2", "pet": "1"}},
        "old": {},
    }
    assert copied_cases(findings) == [["a", "b", "c"]]
    patients = {"a": "z", "b": "y", "c": "x", "d": "w", "old": "z"}
    assert with_copies_joined(patients, findings) == {"a": "x", "b": "x", "c": "x", "d": "w", "old": "x"}
