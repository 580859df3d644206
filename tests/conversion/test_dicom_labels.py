"""Segmentations and RTSTRUCTs find their PET by what they refer to, or are named; and `muduo convert dicom` with them."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import ct_volume, pet_volume, uid, write_case, write_segmentation, write_series  # noqa: E402
from rtstruct_writer import box, circle, reference_mask, write_rtstruct  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402
from nnunetv2_muduo.imageio.grid import put_on_grid  # noqa: E402

MASK = np.zeros((10, 11, 12), np.uint8)
MASK[2, 3:6, 4:7] = MASK[5, 3:6, 4:7] = 1
LESION = [circle((1.3, 0.7, -60 + 5 * k), 13.1) for k in (3, 4, 5)]


def change(path, **tags):
    """Set tags of a file, or remove those that are None."""
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


def seg_case(folder, **tags):
    write_case(folder)
    write_segmentation(folder / "seg", folder / "pet", MASK)
    change(folder / "seg" / "seg.dcm", **tags)
    return folder / "seg" / "seg.dcm"


def the_case(source):
    (case,) = find_dicom_cases(source)
    return case


def on_pet(case):
    label = case.label.read()
    return sitk.GetArrayFromImage(put_on_grid(label, case.pet.read(), sitk.sitkNearestNeighbor, 0))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"FrameOfReferenceUID": None},
        {"FrameOfReferenceUID": uid("another")},
        {"StudyInstanceUID": uid("another study")},
        {"StudyInstanceUID": uid("another study"), "FrameOfReferenceUID": None},
        {"StudyInstanceUID": uid("another study"), "FrameOfReferenceUID": None, "ReferencedSeriesSequence": None},
        {"StudyInstanceUID": uid("another study"), "PatientID": "SEG of Pat 1"},
    ],
    ids=["plain", "no frame", "other frame", "other study", "no frame, other study", "slices alone", "other name"],
)
def test_segmentations_are_matched_by_what_they_refer_to(tmp_path, tags):
    seg_case(tmp_path / "x", **tags)
    write_case(tmp_path / "y", patient="Pat 2")
    case, other = find_dicom_cases(tmp_path)
    assert (case.problem, other.problem, other.label) == ("", "", None)
    np.testing.assert_array_equal(on_pet(case), MASK)
    assert list(check_case(case)["labels"]) == ["1"]


def without_references(path):
    dataset = pydicom.dcmread(path)
    del dataset.ReferencedSeriesSequence
    for frame in (dataset.SharedFunctionalGroupsSequence[0], *dataset.PerFrameFunctionalGroupsSequence):
        frame.pop("DerivationImageSequence", None)
    dataset.save_as(path)


def test_without_references_the_frame_of_reference_decides_then_the_study(tmp_path):
    path = seg_case(tmp_path / "x")
    write_case(tmp_path / "y", patient="Pat 1", study="b")
    without_references(path)
    change(path, StudyInstanceUID=uid("another study"))
    assert [case.label is not None for case in find_dicom_cases(tmp_path)].count(True) == 1
    change(path, StudyInstanceUID=uid("Pat 1", "a"), FrameOfReferenceUID=None)
    labeled = [case for case in find_dicom_cases(tmp_path) if case.label is not None]
    assert [case.pet.files[0].parent.parent.name for case in labeled] == ["x"]
    np.testing.assert_array_equal(on_pet(labeled[0]), MASK)


def refer_elsewhere(path):
    dataset = pydicom.dcmread(path)
    dataset.ReferencedSeriesSequence[0].SeriesInstanceUID = uid("not there")
    for one in dataset.iterall():
        if one.keyword == "ReferencedSOPInstanceUID":
            one.value = uid("not there", one.value)
    dataset.save_as(path)


def test_a_segmentation_of_a_series_that_is_not_there(tmp_path):
    path = seg_case(tmp_path / "x")
    refer_elsewhere(path)
    assert the_case(tmp_path).problem == ""  # it lies in the PET's space
    change(path, FrameOfReferenceUID=None)
    case = the_case(tmp_path)
    assert str(path) in case.problem
    assert "which is not there" in case.problem
    change(path, StudyInstanceUID=uid("another study"))
    stray, case = find_dicom_cases(tmp_path)
    assert case.problem == ""
    assert "seg.dcm: SEG that belongs to no PET here" in stray.problem


def test_a_segmentation_of_another_series_of_the_study_is_no_fault_of_the_pet(tmp_path):
    write_case(tmp_path / "x")
    other = write_series(tmp_path / "x" / "diagnostic", ct_volume(), "CT", series="CT 2", frame="later")
    write_segmentation(tmp_path / "x" / "seg", other, np.ones((12, 20, 22), np.uint8))
    stray, case = find_dicom_cases(tmp_path)
    assert (case.problem, case.label) == ("", None)
    assert "it refers to CT 'CT 2' in" in stray.problem


def test_several_labels_for_one_pet_are_refused_unless_they_are_copies(tmp_path):
    path = seg_case(tmp_path / "x")
    copy = tmp_path / "x" / "copy.dcm"
    shutil.copy(path, copy)
    assert the_case(tmp_path).problem == ""
    change(copy, SeriesInstanceUID=uid("2"), SOPInstanceUID=uid("2", "1"))
    assert "several segmentations for one case" in the_case(tmp_path).problem
    copy.unlink()
    write_rtstruct(tmp_path / "x" / "rs.dcm", tmp_path / "x" / "pet", {"a": LESION})
    problem = the_case(tmp_path).problem
    assert "SEG" in problem
    assert "RTSTRUCT" in problem


@pytest.mark.parametrize("refers", [("contours",), ("study",), ("contours", "study"), ()])
@pytest.mark.parametrize("modality", ["pet", "ct"])
def test_rtstructs_are_matched_by_what_they_refer_to(tmp_path, modality, refers):
    write_case(tmp_path / "x")
    write_case(tmp_path / "y", patient="Pat 2")
    step_mm, first_mm = {"pet": (5.0, -60.0), "ct": (4.5, -61.0)}[modality]
    contours = [circle((1.3, 0.7, first_mm + step_mm * k), 13.1) for k in range(2, 9)]
    options = {"study": uid("another study"), "refers": refers}
    write_rtstruct(tmp_path / "rs" / "rs.dcm", tmp_path / "x" / modality, {"GTV": contours}, **options)
    case, other = find_dicom_cases(tmp_path)
    assert (case.problem, other.problem, other.label) == ("", "", None)
    label = case.label.read()
    assert label.GetSpacing()[2] == pytest.approx(step_mm)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(label) == 1, reference_mask(label, contours))
    found = check_case(case)
    assert found["label_names"] == {"1": "GTV"}
    assert found["labels"]["1"]["ml"] == pytest.approx(np.pi * 13.1**2 * 7 * step_mm / 1000, rel=0.1)


@pytest.mark.parametrize(
    "rois", [{}, {"iso": [("POINT", np.zeros((1, 3)))]}, {"GTV": []}], ids=["no ROI", "a point", "no contour"]
)
def test_an_rtstruct_without_contours_is_named(tmp_path, rois):
    write_case(tmp_path / "x")
    path = write_rtstruct(tmp_path / "x" / "rs.dcm", tmp_path / "x" / "pet", rois)
    case = the_case(tmp_path)
    assert f"{path}: RTSTRUCT without" in case.problem
    assert "problem" in check_case(case)


def test_an_rtstruct_whose_images_are_not_there_is_named(tmp_path):
    write_case(tmp_path / "x")
    path = write_rtstruct(tmp_path / "x" / "rs.dcm", tmp_path / "x" / "ct", {"GTV": LESION})
    shutil.rmtree(tmp_path / "x" / "ct")
    write_series(tmp_path / "x" / "ct", ct_volume(), "CT", series="CT again")
    assert f"{path}: RTSTRUCT whose images are not here" in the_case(tmp_path).problem


def test_a_damaged_rtstruct_is_named(tmp_path):
    write_case(tmp_path / "x")
    path = write_rtstruct(tmp_path / "x" / "rs.dcm", tmp_path / "x" / "pet", {"GTV": LESION})
    data = path.read_bytes()
    for n_bytes in (800, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:n_bytes])
        assert any(str(path) in case.problem for case in find_dicom_cases(tmp_path)), n_bytes


def test_own_maps_stand_in_for_labels_that_cant_be_used(convert, tmp_path):
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
        write_rtstruct(folder / "rs.dcm", folder / "pet", {})
    (tmp_path / "labels").mkdir()
    for case in find_dicom_cases(tmp_path / "src"):
        label = sitk.GetImageFromArray(MASK)
        label.CopyInformation(case.pet.read())
        sitk.WriteImage(label, str(tmp_path / "labels" / f"{case.case_id}.nii.gz"))
    done = convert("dicom", tmp_path / "src", "--labels", tmp_path / "labels", sizes=(2, 0, 0))
    assert done.exit_code == 0


def labels_in(done):
    """{case: label map} of the converted cases."""
    return {
        path.name.removesuffix(".nii.gz"): sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        for path in sorted((done.dataset / "labelsTr").iterdir())
    }


def organs(folder, order):
    """A study with an RTSTRUCT of a liver and a spleen on its CT's slices, in some order."""
    write_case(folder, patient=folder.name, seed=ord(folder.name[-1]))
    rois = {
        "Liver": [box((-15.1, -15.2), (4.9, 4.8), -61 + 4.5 * k) for k in range(2, 9)],
        "Spleen": [circle((14.3, 14.1, -61 + 4.5 * k), 8.2) for k in range(3, 7)],
    }
    rois = {name: rois[name.strip().capitalize()] for name in order}
    write_rtstruct(folder / "rs.dcm", folder / "ct", rois)


def test_conversion_of_rtstructs_goes_by_the_names_of_rois(convert, tmp_path):
    organs(tmp_path / "src" / "p1", ["Spleen", "Liver"])
    organs(tmp_path / "src" / "p2", ["Liver", "spleen "])
    organs(tmp_path / "src" / "p3", ["LIVER"])
    done = convert("dicom", tmp_path / "src", sizes=(3, 0, 0))
    assert done.exit_code == 0, done.message
    assert {name.casefold(): value for name, value in done.record["labels"].items()} == {
        "background": 0,
        "liver": 1,
        "spleen": 2,
    }
    cases = {case.case_id: case for case in find_dicom_cases(tmp_path / "src")}
    labels = labels_in(done)
    assert len(labels) == 3
    for case_id, label in labels.items():
        pet = cases[case_id].pet.read()
        for value, contours in ((1, box((-15.1, -15.2), (4.9, 4.8), 0)), (2, circle((14.3, 14.1, 0), 8.2))):
            ends_mm = {1: (-54.25, -22.75), 2: (-49.75, -31.75)}[value]  # half a CT slice beyond the contours
            slices = [contours + np.array([0, 0, z]) for z in -60 + 5.0 * np.arange(10) if ends_mm[0] < z < ends_mm[1]]
            expected = reference_mask(pet, slices)
            if value == 2 and cases[case_id].patient == "p3":
                expected[:] = False
            np.testing.assert_allclose((label == value).sum((1, 2)), expected.sum((1, 2)), atol=4)
            assert ((label == value) != expected).mean() < 0.01  # CT pixels of 2 mm, PET pixels of 4 mm
    assert "| 1 | Liver | 3 |" in done.report
    assert "| 2 | spleen | 2 |" in done.report


def test_a_name_that_comes_later_leaves_the_values_as_they_are(convert, tmp_path):
    for name in ("p1", "p2"):
        organs(tmp_path / "src" / name, ["Liver", "Spleen"])
    first = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    before = first.files()
    folder = write_case(tmp_path / "src" / "p3", patient="p3", seed=3)
    write_rtstruct(folder / "rs.dcm", folder / "pet", {"Aorta": LESION})
    second = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert second.record["labels"] == {"background": 0, "Liver": 1, "Spleen": 2, "Aorta": 3}
    maps = [name for name in before if name.startswith("labelsTr/")]
    assert len(maps) == 2
    assert all(second.files()[name] == before[name] for name in maps)
    assert "| 3 | Aorta | 1 |" in second.report


def test_labels_json_chooses_names_and_their_order(convert, tmp_path):
    for name in ("p1", "p2"):
        folder = write_case(tmp_path / "src" / name, patient=name, seed=ord(name[-1]))
        body = [box((-19.1, -19.1), (21.1, 19.3), -60 + 5 * k) for k in range(10)]
        write_rtstruct(
            folder / "rs.dcm", folder / "pet", {"GTV": LESION, "BODY": body, "couch": [box((0, 0), (30, 3), -20)]}
        )
    (tmp_path / "src" / "p1" / "rs.dcm").touch()
    refused = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert refused.exit_code != 0
    assert "overlap" in refused.message
    (tmp_path / "src" / "labels.json").write_text(json.dumps({"background": 0, "gtv": 1}))
    done = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert done.exit_code == 0
    assert done.record["labels"] == {"background": 0, "gtv": 1}
    assert "ROIs that labels.json doesn't name: BODY, couch" in done.report
    pet = find_dicom_cases(tmp_path / "src")[0].pet.read()
    lesion = reference_mask(pet, LESION)
    for label in labels_in(done).values():
        np.testing.assert_array_equal(label, lesion)
    (tmp_path / "src" / "labels.json").write_text(json.dumps({"background": 0, "body": 1, "GTV": 2}))
    shutil.rmtree(done.dataset)
    both = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    for label in labels_in(both).values():
        np.testing.assert_array_equal(label == 2, lesion)
        np.testing.assert_array_equal(label > 0, reference_mask(pet, body))


def test_lesions_of_any_number_become_one_label(convert, tmp_path):
    places_mm = [(1.3, 0.7), (-12.2, 9.8), (3.1, 12.9)]
    lesions = [[circle((*place, -60 + 5 * k), 6.1) for k in (3, 4, 5)] for place in places_mm]
    for number in (2, 3):
        folder = write_case(tmp_path / "src" / str(number), patient=f"p{number}", seed=number)
        rois = {f"Lesion {i}": lesions[i] for i in range(number)}
        write_rtstruct(folder / "rs.dcm", folder / "pet", rois)
    (tmp_path / "src" / "labels.json").write_text(json.dumps({"background": 0, "tumor": ["lesion*"]}))
    done = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert done.record["labels"] == {"background": 0, "tumor": 1}
    pet = find_dicom_cases(tmp_path / "src")[0].pet.read()
    masks = [reference_mask(pet, lesion) for lesion in lesions]
    maps = labels_in(done)
    for case_id, label in maps.items():
        np.testing.assert_array_equal(label > 0, np.any(masks[: 2 if case_id.startswith("p2") else 3], axis=0))
    before = done.files()
    assert convert("dicom", tmp_path / "src", sizes=(2, 0, 0)).files() == before


def test_a_case_without_any_of_the_wanted_names_is_refused(convert, tmp_path):
    for number, name in enumerate(("GTV", "GTV", "PTV")):
        folder = write_case(tmp_path / "src" / str(number), patient=f"p{number}", seed=number)
        write_rtstruct(folder / "rs.dcm", folder / "pet", {name: LESION})
    (tmp_path / "src" / "labels.json").write_text(json.dumps({"background": 0, "GTV": 1}))
    done = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert done.exit_code == 1
    assert "its ROIs are PTV" in done.report
    assert done.members("unlabeled") == []


def test_a_small_roi_on_the_ct_is_not_lost_on_the_pet(convert, tmp_path):
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"p{number}", seed=number)
        rois = {"node": [box((1.2, 1.3), (2.9, 2.8), -61 + 4.5 * 4)], "large": [box((9, 9), (18, 18), -61 + 4.5 * 6)]}
        write_rtstruct(folder / "rs.dcm", folder / "ct", rois)
    done = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert done.record["labels"] == {"background": 0, "large": 1, "node": 2}
    for label in labels_in(done).values():
        assert np.argwhere(label == 2).tolist() in ([[3, 5, 5]], [[3, 6, 6]])


def test_former_meaning_of_labels_json_as_segment_numbers(convert, tmp_path):
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
        write_segmentation(folder / "seg", folder / "pet", MASK)
    (tmp_path / "src" / "labels.json").write_text(json.dumps({"background": 0, "metastasis": 1}))
    done = convert("dicom", tmp_path / "src", sizes=(2, 0, 0))
    assert done.record["labels"] == {"background": 0, "metastasis": 1}
    for label in labels_in(done).values():
        np.testing.assert_array_equal(label, MASK)


def test_a_pet_without_labels_stays_unlabeled(tmp_path):
    write_case(tmp_path / "x")
    case = the_case(tmp_path)
    assert (case.problem, case.label) == ("", None)
    assert pet_volume().shape == MASK.shape
