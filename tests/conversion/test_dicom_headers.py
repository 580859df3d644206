"""Which files of a tree are read as DICOM."""

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, write_case, write_series  # noqa: E402
from pydicom.fileset import FileSet  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom import read_pet_suv  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402
from nnunetv2_muduo.imageio.refusal import CaseRefused  # noqa: E402


@pytest.mark.parametrize("kept", ["nothing of the file's own", "its own group"])
@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_files_without_the_prefix_are_called_so(tmp_path, modality, kept):
    write_case(tmp_path / "x")
    for path in (tmp_path / "x" / modality).iterdir():
        content = path.read_bytes()
        path.write_bytes(content[132:] if kept == "its own group" else content[content.index(b"\x08\0\x16\0") :])
    (case,) = find_dicom_cases(tmp_path)
    assert "DICM" in case.problem


@pytest.mark.parametrize("start", [b"", bytes(128), b"\x08\x00"], ids=["none", "preamble alone", "half a tag"])
@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_one_file_without_the_prefix_is_named(tmp_path, place, start):
    write_case(tmp_path / "x")
    folder = tmp_path / "x" / "pet"
    victim = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])[place]
    victim.write_bytes(start + victim.read_bytes()[132:])
    (case,) = find_dicom_cases(tmp_path)
    assert victim.name in case.problem
    assert "DICM" in case.problem
    with pytest.raises(CaseRefused, match=victim.name):
        read_pet_suv(folder)


def test_a_folder_of_a_mac_with_a_readme_is_read(tmp_path):
    folder = write_series(tmp_path / "pet", pet_volume())
    for name in ("._0001.dcm", ".DS_Store", "README.txt"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    assert read_pet_suv(folder).GetSize() == (12, 11, 10)


@pytest.mark.parametrize("name", ["DICOMDIR", "index.dcm"])
def test_a_dicomdir_is_no_slice(tmp_path, name):
    write_case(tmp_path / "x")
    files = FileSet()
    for path in (tmp_path / "x" / "pet").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.StudyTime, dataset.StudyID, dataset.SeriesNumber = "P", "100000", "1", 1
        dataset.InstanceNumber, dataset.AccessionNumber = 1, "1"
        files.add(dataset)
    files.write(tmp_path / "exported")
    (tmp_path / "exported" / "DICOMDIR").rename(tmp_path / "x" / "pet" / name)
    (case,) = find_dicom_cases(tmp_path / "x")
    assert (case.problem, len(case.pet.files)) == ("", 10)
    assert "problem" not in check_case(case)


def test_a_tree_is_walked_once_however_links_lead(tmp_path):
    write_case(tmp_path / "x")
    (tmp_path / "all").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "__MACOSX").mkdir()
    write_series(tmp_path / "__MACOSX" / "pet", pet_volume(), patient="Ghost")
    (case,) = find_dicom_cases(tmp_path)
    assert case.pet.files[0].parent == tmp_path / "x" / "pet"
