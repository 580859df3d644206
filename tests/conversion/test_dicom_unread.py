"""Files that are no DICOM, or can't be read, beside the slices of a series."""

import gzip

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import ct_volume, pet_volume, write_case, write_segmentation, write_series  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import Wanted, find_dicom_cases  # noqa: E402

CONTENTS = {
    "empty": b"",
    "zeros": bytes(5000),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "text": b"hello world\n" * 50,
    "compressed": gzip.compress(b"slice" * 100),
    "preamble alone": bytes(128),
    "preamble and letters alone": bytes(128) + b"DICM",
}


def along_z(folder):
    return sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])


@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize("place", [0, 4, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_slice_that_is_no_dicom_is_named(tmp_path, content, place, modality):
    write_case(tmp_path / "x")
    victim = along_z(tmp_path / "x" / modality)[place]
    victim.write_bytes(content)
    (case,) = find_dicom_cases(tmp_path)
    assert str(victim) in check_case(case)["problem"]


def test_every_file_that_cant_be_read_is_named(tmp_path):
    write_case(tmp_path / "x")
    victims = [along_z(tmp_path / "x" / "pet")[i] for i in (0, -1)]
    for victim in victims:
        victim.write_bytes(b"")
    (case,) = find_dicom_cases(tmp_path)
    assert all(str(victim) in case.problem for victim in victims)


def test_slices_without_an_ending(tmp_path):
    write_case(tmp_path / "x")
    for folder in (tmp_path / "x" / "pet", tmp_path / "x" / "ct"):
        for number, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / (f"IM{number:04d}" if folder.name == "ct" else f"1.2.840.{number + 1}"))
        for name in ("README", "LICENSE", "DICOMDIR", "notes.txt", "checksums.md5", "Thumbs.db", "report.pdf"):
            (folder / name).write_text("no slice")
    assert find_dicom_cases(tmp_path)[0].problem == ""
    (tmp_path / "x" / "ct" / "IM0099").write_bytes(b"")
    assert "IM0099" in find_dicom_cases(tmp_path)[0].problem


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "readme.md",
        "series.json",
        "0003.json",
        "0042.png",
        "0042.pdf",
        "index.html",
        "VERSION2",
        "all.zip",
        "DICOMDIR",
        ".DS_Store",
        "._0001.dcm",
        "a.nii.gz",
    ],
)
def test_what_is_no_slice_by_its_name_is_passed_over(tmp_path, name):
    write_case(tmp_path / "x")
    (tmp_path / "x" / "pet" / name).write_bytes(b"\0\5\x16\7 no slice")
    (case,) = find_dicom_cases(tmp_path)
    assert (case.problem, len(case.pet.files)) == ("", 10)


def test_a_damaged_file_among_several_studies_stands_for_itself(tmp_path):
    for number in range(2):
        write_case(tmp_path / str(number), patient=f"Pat {number}")
        for path in [*(tmp_path / str(number)).rglob("*.dcm")]:
            (tmp_path / "all").mkdir(exist_ok=True)
            path.rename(tmp_path / "all" / f"{number}-{path.parent.name}-{path.name}")
    (tmp_path / "all" / "damaged.dcm").write_bytes(b"")
    cases = find_dicom_cases(tmp_path)
    assert [case.problem for case in cases if case.patient] == ["", ""]
    assert ["damaged.dcm" in case.problem for case in cases if not case.patient] == [True]


@pytest.mark.parametrize("ending", [".part", ".crdownload", ".gz", ".html", ".DCM", ".ima", ".dicom"])
def test_a_slice_under_the_name_of_an_unfinished_download_counts(tmp_path, ending):
    write_case(tmp_path / "x")
    victim = along_z(tmp_path / "x" / "pet")[-1]
    victim.rename(victim.with_name(victim.name + ending)).write_bytes(b"half of it")
    (case,) = find_dicom_cases(tmp_path)
    assert victim.name + ending in case.problem


@pytest.mark.parametrize("ending", ["", ".part", ".html", ".htm", ".gz"])
def test_a_slice_that_lost_its_ending_counts_by_its_number(tmp_path, ending):
    write_case(tmp_path / "x")
    victim = along_z(tmp_path / "x" / "pet")[-1]
    victim.rename(victim.with_suffix(ending)).write_bytes(b"<html>404</html>")
    assert str(victim.with_suffix(ending)) in find_dicom_cases(tmp_path)[0].problem


@pytest.mark.parametrize("name", ["IM0003", "IM0003.part", "1.2.840.3", "0003.dcm"])
def test_a_damaged_slice_beside_slices_without_an_ending(tmp_path, name):
    write_case(tmp_path / "x")
    for number, path in enumerate(along_z(tmp_path / "x" / "ct")):
        path.rename(path.with_name(f"IM{number:04d}"))
    (tmp_path / "x" / "ct" / "IM0000").unlink()
    (tmp_path / "x" / "ct" / name).write_bytes(b"")
    assert name in find_dicom_cases(tmp_path)[0].problem


@pytest.mark.parametrize("others_there", [False, True])
def test_a_damaged_slice_in_a_folder_below_the_others(tmp_path, others_there):
    write_case(tmp_path / "x")
    *others, victim = along_z(tmp_path / "x" / "pet")[4:]
    (tmp_path / "x" / "pet" / "late").mkdir()
    victim = victim.rename(tmp_path / "x" / "pet" / "late" / victim.name)
    for path in others if others_there else ():
        path.rename(tmp_path / "x" / "pet" / "late" / path.name)
    victim.write_bytes(b"")
    (case,) = find_dicom_cases(tmp_path)
    assert str(victim) in case.problem


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_each_slice_in_a_folder_of_its_own(tmp_path, place):
    write_case(tmp_path / "x")
    paths = along_z(tmp_path / "x" / "pet")
    for number, path in enumerate(paths):
        (tmp_path / "x" / "pet" / str(number)).mkdir()
        path.rename(tmp_path / "x" / "pet" / str(number) / "image.dcm")
    assert find_dicom_cases(tmp_path)[0].problem == ""
    victim = tmp_path / "x" / "pet" / str(range(len(paths))[place]) / "image.dcm"
    victim.write_bytes(b"")
    (case,) = find_dicom_cases(tmp_path)
    assert str(victim) in case.problem


def test_a_folder_without_one_readable_slice_is_said_once(tmp_path):
    write_case(tmp_path / "x", patient="Whole")
    write_case(tmp_path / "y", patient="Lost")
    for path in (tmp_path / "y").rglob("*.dcm"):
        path.write_bytes(bytes(3000))
    cases = find_dicom_cases(tmp_path)
    assert [case.problem for case in cases if case.patient] == [""]
    strays = sorted(case.problem for case in cases if not case.patient)
    assert len(strays) == 2
    assert "y/ct/0000.dcm: no DICOM, it holds zeros alone; and 11 more files in its folder" in strays[0]
    assert "y/pet/0000.dcm: no DICOM, it holds zeros alone; and 9 more files in its folder" in strays[1]


def test_a_damaged_file_of_a_series_that_is_not_used_does_no_harm(tmp_path):
    write_case(tmp_path / "x")
    nac = write_series(tmp_path / "x" / "nac", pet_volume(), series="NAC", tags={"CorrectedImage": ["DECY"]})
    lung = write_series(tmp_path / "x" / "lung", ct_volume(), modality="CT", series="CT lung")
    for folder in (nac, lung):
        (folder / "0003.dcm").write_bytes(b"")
    (case,) = find_dicom_cases(tmp_path, Wanted(ct="CT"))
    assert case.problem == ""


def test_a_link_to_nothing_is_a_slice_that_is_lost(tmp_path):
    write_case(tmp_path / "x")
    victim = along_z(tmp_path / "x" / "pet")[-1]
    victim.unlink()
    victim.symlink_to(tmp_path / "gone.dcm")
    assert str(victim) in find_dicom_cases(tmp_path)[0].problem


def test_the_exit_code_and_the_report_say_which_file(convert, tmp_path):
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
        write_segmentation(folder / "seg", folder / "pet", np.ones((10, 11, 12), np.uint8))
    victim = along_z(tmp_path / "src" / "1" / "pet")[-1]
    victim.write_bytes(b"<html>502 Bad Gateway</html>")
    done = convert("dicom", tmp_path / "src", sizes=(1, 0, 0))
    assert done.exit_code == 1
    assert len(done.record["cases"]) == 1
    assert f"{victim}: no DICOM but a page of HTML" in done.report
