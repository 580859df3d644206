"""Pages of a DICOM tree that are no slices: they neither refuse, rename nor hide a case."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import ct_volume, pet_volume, uid, write_case, write_series  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import Wanted, find_dicom_cases  # noqa: E402

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
    "projection by Siemens": {"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]},
    "projection by its series type": {"SeriesType": ["WHOLE BODY", "REPROJECTION"]},
    "screenshot in color": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Rows": 3, "Columns": 4},
    "capture with a place": {"SOPClassUID": CAPTURE, "ImagePositionPatient": [0, 0, 500]},
    "film of captures": {"SOPClassUID": f"{CAPTURE}.4", "NumberOfFrames": 9, "ImagePositionPatient": None},
    "raw data": {"SOPClassUID": "1.3.12.2.1107.5.9.1", "PixelData": None, "Rows": None, "ImagePositionPatient": None},
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


def test_several_pages_are_counted(tmp_path):
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    add_page(tmp_path / "x" / "ct", "scout1.dcm", **PAGES["scout that does not say so"])
    add_page(tmp_path / "x" / "ct", "scout2.dcm", **PAGES["scout that does not say so"])
    for number in range(9):
        add_page(tmp_path / "x" / "ct", f"dose{number}.dcm", number, **PAGES["dose report"])
    add_page(tmp_path / "x" / "pet", "mip.dcm", **PAGES["projection"])
    (case,) = find_dicom_cases(tmp_path)
    assert (case.problem, case.ct.files, case.pet.files) == ("", before.ct.files, before.pet.files)
    assert "11 pages of CT 'CT' in " in case.remark
    assert "1 page of PT 'PET AC' in " in case.remark


@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize("place", [0, 4, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    "values",
    [
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": [1, 0, 0, 0, 0.99, 0.1]},
        {"ImageOrientationPatient": [1, 0, 0, 0, -1, 0]},
        {"Rows": 8},
        {"Columns": 8},
        {"PixelSpacing": [3, 3]},
        {"PixelData": None},
    ],
    ids=["no position", "no orientation", "tilted", "mirrored", "rows", "columns", "pixels", "no pixels"],
)
def test_a_slice_with_one_wrong_tag_is_not_left_aside(tmp_path, values, place, modality):
    write_case(tmp_path / "x")
    folder = tmp_path / "x" / modality
    victim = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])[place]
    change(pydicom.dcmread(victim), values).save_as(victim)
    assert "problem" in check_case(find_dicom_cases(tmp_path)[0])


@pytest.mark.parametrize("modality", ["ct", "pet"])
@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_a_slice_that_breaks_off_anywhere_is_not_left_aside(tmp_path, place, modality):
    write_case(tmp_path / "x")
    folder = tmp_path / "x" / modality
    victim = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])[place]
    whole = victim.read_bytes()
    n_header = whole.index(b"\xe0\x7f\x10\x00")
    for n_bytes in (*range(0, n_header, 67), n_header, n_header + 20, len(whole) - 1):
        for filled in (b"", bytes(len(whole) - n_bytes)):
            if n_bytes <= n_header or not filled:  # pixels that are 0 may be air
                victim.write_bytes(whole[:n_bytes] + filled)
                assert victim.name in check_case(find_dicom_cases(tmp_path)[0]).get("problem", ""), n_bytes


SERIES = {
    "statistics": {"SOPClassUID": CAPTURE, "FrameOfReferenceUID": None, "ImagePositionPatient": None},
    "statistics as PET": {"FrameOfReferenceUID": None, "ImagePositionPatient": None, "ImageOrientationPatient": None},
    "projections": {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
    "projections of another frame": {"ImageType": ["DERIVED", "SECONDARY", "MIP"], "FrameOfReferenceUID": "1.2.3"},
    "scouts": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "captures": {"SOPClassUID": CAPTURE, "ImagePositionPatient": None, "ImageType": ["DERIVED", "SECONDARY"]},
    "fusion in color": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    "raw data": {"SOPClassUID": "1.3.12.2.1107.5.9.1", "PixelData": None, "Rows": None, "ImagePositionPatient": None},
    "uncorrected": {"CorrectedImage": ["DECY"]},
    "uncorrected of another frame": {"CorrectedImage": ["DECY"], "FrameOfReferenceUID": "1.2.3"},
}


@pytest.mark.parametrize("values", SERIES.values(), ids=SERIES)
@pytest.mark.parametrize("frame", ["frame", "other"])
def test_a_series_of_pages_beside_changes_nothing(tmp_path, values, frame):
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    folder = write_series(tmp_path / "x" / "beside", pet_volume(shape=(3, 8, 8)), series="beside", frame=frame)
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


@pytest.mark.parametrize("modality", ["PT", "CT"])
@pytest.mark.parametrize("how", ["turning", "in one place"])
def test_many_projections_that_do_not_say_so_are_no_volume(tmp_path, how, modality):
    """A turning projection has an orientation per page; bolus tracking has one place for all its pages."""
    write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    folder = write_series(tmp_path / "x" / "mip", pet_volume(shape=(36, 8, 8)), modality=modality, series="mip")
    for number, path in enumerate(sorted(folder.iterdir())):
        angle = np.deg2rad(10 * number if how == "turning" else 0)
        orientation = [np.cos(angle), np.sin(angle), 0, 0, 0, -1]
        values = {
            "ImageOrientationPatient": [round(float(x), 6) for x in orientation],
            "ImagePositionPatient": [0, 0, 0],
        }
        change(pydicom.dcmread(path), values).save_as(path)
    (case,) = find_dicom_cases(tmp_path)
    assert (case.case_id, case.problem) == (before.case_id, "")
    assert (case.ct.files, case.pet.files) == (before.ct.files, before.pet.files)


def test_pages_alone_in_a_study_are_said(tmp_path):
    write_case(tmp_path / "x")
    folder = write_series(tmp_path / "y", pet_volume(), study="b", series="PET")
    for path in folder.iterdir():
        change(pydicom.dcmread(path), {"ImagePositionPatient": None}).save_as(path)
    problems = [case.problem for case in find_dicom_cases(tmp_path)]
    assert sorted(map(bool, problems)) == [False, True]


def test_multi_frame_pet_is_not_hidden_by_what_lies_beside(tmp_path):
    write_case(tmp_path / "x")
    folder = write_series(tmp_path / "x" / "enhanced", pet_volume(shape=(1, 11, 12)), series="PET enhanced")
    for path in folder.iterdir():
        change(pydicom.dcmread(path), {"NumberOfFrames": 30, "ImagePositionPatient": None}).save_as(path)
    assert "2 PT series for one case" in find_dicom_cases(tmp_path)[0].problem
    (case,) = find_dicom_cases(tmp_path, Wanted(pet="PET enhanced"))
    assert "multi-frame" in check_case(case)["problem"]


def test_half_of_the_slices_turned_is_a_fault_and_no_scout(tmp_path):
    write_case(tmp_path / "x")
    for path in sorted((tmp_path / "x" / "pet").iterdir())[:5]:
        change(pydicom.dcmread(path), {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}).save_as(path)
    assert "several orientations" in check_case(find_dicom_cases(tmp_path)[0])["problem"]
