"""Pages of a DICOM tree that are no slices: they neither refuse, rename nor hide a case."""

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import ct_volume, pet_volume, uid, write_case, write_series  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def change(dataset, values):
    for keyword, value in values.items():
        if value is None:
            if keyword in dataset:
                del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def add_page(folder, name, number=0, **values):
    """One more file beside the slices of a folder: one of them, changed."""
    first = sorted(folder.glob("0*.dcm"))[0]
    dataset = change(pydicom.dcmread(first), values)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(name, number)
    dataset.save_as(folder / name)


PAGES = {
    "scout": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
    "scout that does not say so": {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
    "scout of another size": {"Rows": 3, "Columns": 4, "PixelData": bytes(24)},
    "dose report": {"SOPClassUID": CAPTURE, "ImagePositionPatient": None, "ImageOrientationPatient": None},
    "screenshot": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"], "PixelSpacing": None},
    "screenshot with a place": {"SOPClassUID": CAPTURE, "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "page without a place": {"ImagePositionPatient": None, "ImageType": ["DERIVED", "SECONDARY", "OTHER"]},
    "projection": {"ImageType": ["DERIVED", "SECONDARY", "MIP"], "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
}


@pytest.mark.parametrize("name", ["-first.dcm", "zz-last.dcm"])
@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_inside_a_series_is_left_aside(tmp_path, page, modality, name):
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    add_page(tmp_path / "x" / modality, name, **page)
    (case,) = find_dicom_cases(tmp_path)
    assert (case.case_id, case.problem) == (before.case_id, "")
    assert (case.ct.files, case.pet.files) == (before.ct.files, before.pet.files)
    assert "1 page of " in case.remark


SERIES = {
    "statistics": {"SOPClassUID": CAPTURE, "FrameOfReferenceUID": None, "ImagePositionPatient": None},
    "statistics as PET": {"FrameOfReferenceUID": None, "ImagePositionPatient": None, "ImageOrientationPatient": None},
    "projections": {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
    "projections of another frame": {"ImageType": ["DERIVED", "SECONDARY", "MIP"], "FrameOfReferenceUID": "1.2.3"},
    "scouts": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "uncorrected": {"CorrectedImage": ["DECY"]},
    "uncorrected of another frame": {"CorrectedImage": ["DECY"], "FrameOfReferenceUID": "1.2.3"},
}


@pytest.mark.parametrize("values", SERIES.values(), ids=SERIES)
def test_a_series_of_pages_beside_changes_nothing(tmp_path, values):
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    folder = write_series(tmp_path / "x" / "beside", pet_volume(shape=(3, 8, 8)), series="beside")
    for path in folder.iterdir():
        change(pydicom.dcmread(path), values).save_as(path)
    (case,) = find_dicom_cases(tmp_path)
    assert (case.case_id, case.problem, case.pet.files) == (before.case_id, "", before.pet.files)


def test_a_ct_dose_report_beside_changes_nothing(tmp_path):
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    folder = write_series(tmp_path / "x" / "dose", ct_volume(shape=(1, 8, 8)), modality="CT", series="Dose Report")
    for path in folder.iterdir():
        change(pydicom.dcmread(path), {"ImagePositionPatient": None, "SOPClassUID": CAPTURE}).save_as(path)
    assert [(c.case_id, c.problem, c.ct.files) for c in find_dicom_cases(tmp_path)] == [
        (before.case_id, "", before.ct.files)
    ]


def test_half_of_the_slices_turned_is_a_fault_and_no_scout(tmp_path):
    write_case(tmp_path / "x")
    for path in sorted((tmp_path / "x" / "pet").iterdir())[:5]:
        change(pydicom.dcmread(path), {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}).save_as(path)
    assert "several orientations" in check_case(find_dicom_cases(tmp_path)[0])["problem"]


def test_corrected_and_uncorrected_slices_in_one_series(tmp_path):
    write_case(tmp_path / "x")
    for path in sorted((tmp_path / "x" / "pet").iterdir())[:5]:
        change(pydicom.dcmread(path), {"CorrectedImage": ["DECY"]}).save_as(path)
    problem = find_dicom_cases(tmp_path)[0].problem
    assert "with and without attenuation correction" in problem
    assert "5 of 10 lack ATTN" in problem
