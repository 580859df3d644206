"""Files of a DICOM tree grouped into series: copies, and what is odd about a series."""

import re

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, uid, write_case, write_series  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402


def change_all(paths, **values):
    for path in paths:
        dataset = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


@pytest.mark.parametrize("n_uncorrected", [1, 5, 9])
def test_corrected_and_uncorrected_slices_in_one_series(tmp_path, n_uncorrected):
    write_case(tmp_path / "x")
    change_all(sorted((tmp_path / "x" / "pet").iterdir())[:n_uncorrected], CorrectedImage=["DECY"])
    (case,) = find_dicom_cases(tmp_path)
    assert "slices with and without attenuation correction" in case.problem
    assert f"{n_uncorrected} of 10 lack ATTN" in case.problem


def test_uncorrected_copies_of_all_slices_with_the_same_instance_uids_are_not_passed_over(tmp_path):
    write_case(tmp_path / "x")
    nac = write_series(tmp_path / "nac", pet_volume(), series="PET AC")
    change_all(nac.iterdir(), CorrectedImage=["DECY"])
    assert "10 of 20 lack ATTN" in find_dicom_cases(tmp_path)[0].problem


def test_time_frames_with_the_same_instance_uids_are_not_passed_over(tmp_path):
    write_case(tmp_path / "x")
    later = write_series(tmp_path / "later", pet_volume(), series="PET AC")
    change_all(later.iterdir(), AcquisitionTime="110500")
    assert "2 time frames" in check_case(find_dicom_cases(tmp_path)[0])["problem"]


def test_one_instance_uid_for_all_slices_still_gives_a_volume(tmp_path):
    write_case(tmp_path / "x")
    change_all((tmp_path / "x" / "pet").iterdir(), SOPInstanceUID=uid("one for all"))
    (case,) = find_dicom_cases(tmp_path)
    assert len(case.pet.files) == 10


def test_a_series_that_is_there_twice_counts_once(tmp_path):
    write_case(tmp_path / "x")
    write_case(tmp_path / "y")
    (case,) = find_dicom_cases(tmp_path)
    assert (case.problem, len(case.pet.files), len(case.ct.files)) == ("", 10, 12)


@pytest.mark.parametrize("victim", ["0000.dcm", "0004.dcm"])
@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"PatientID": "Pat 2"}, r"PatientID \(0010,0020\): 'Pat"),
        ({"StudyInstanceUID": "1.2.3"}, r"StudyInstanceUID \(0020,000d\): '1\.2"),
        ({"Modality": "MR"}, r"Modality \(0008,0060\): '"),
        ({"SeriesInstanceUID": "1.2.3"}, "series for one case, whose descriptions are equal, remove all but one"),
    ],
)
def test_a_slice_of_somebody_else_is_named(tmp_path, values, words, modality, victim):
    write_case(tmp_path / "x")
    change_all([tmp_path / "x" / modality / victim], **values)
    cases = find_dicom_cases(tmp_path)
    assert cases
    for case in cases:
        assert re.search(words, case.problem)


@pytest.mark.parametrize("victim", ["0000.dcm", "0004.dcm"])
def test_the_frame_of_reference_is_that_of_most_slices(tmp_path, victim):
    write_case(tmp_path / "x")
    change_all([tmp_path / "x" / "pet" / victim, tmp_path / "x" / "ct" / victim], FrameOfReferenceUID="1.2.3")
    (case,) = find_dicom_cases(tmp_path)
    assert (case.problem, len(case.pet.files), len(case.ct.files)) == ("", 10, 12)
