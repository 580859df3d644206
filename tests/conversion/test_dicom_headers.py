"""Files that are no DICOM, or can't be read, beside the slices of a series."""

import gzip

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, write_case, write_series  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402

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
    "name", ["README.txt", "readme.md", "series.json", "DICOMDIR", ".DS_Store", "._0001.dcm", "a.nii.gz"]
)
def test_what_is_no_slice_by_its_name_is_passed_over(tmp_path, name):
    write_case(tmp_path / "x")
    (tmp_path / "x" / "pet" / name).write_bytes(b"\0\5\x16\7 no slice")
    (case,) = find_dicom_cases(tmp_path)
    assert (case.problem, len(case.pet.files)) == ("", 10)


@pytest.mark.parametrize("kept", ["nothing of the file's own", "its own group"])
@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_files_without_the_prefix_are_called_so(tmp_path, modality, kept):
    write_case(tmp_path / "x")
    for path in (tmp_path / "x" / modality).iterdir():
        content = path.read_bytes()
        path.write_bytes(content[132:] if kept == "its own group" else content[content.index(b"\x08\0\x16\0") :])
    (case,) = find_dicom_cases(tmp_path)
    assert "DICM" in case.problem


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


def test_a_tree_is_walked_once_however_links_lead(tmp_path):
    write_case(tmp_path / "x")
    (tmp_path / "all").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "__MACOSX").mkdir()
    write_series(tmp_path / "__MACOSX" / "pet", pet_volume(), patient="Ghost")
    (case,) = find_dicom_cases(tmp_path)
    assert case.pet.files[0].parent == tmp_path / "x" / "pet"
