"""RTSTRUCT files as label maps, against a rasterizer that tests every voxel's center by itself."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import OBLIQUE, ct_volume, write_series  # noqa: E402
from rtstruct_writer import box, circle, reference_mask, write_rtstruct  # noqa: E402

from nnunetv2_muduo.conversion.dicom import DicomSeries  # noqa: E402
from nnunetv2_muduo.conversion.dicom_rtstruct import RtStructFile  # noqa: E402
from nnunetv2_muduo.conversion.named_labels import WantedLabel  # noqa: E402
from nnunetv2_muduo.conversion.named_masks import name_findings  # noqa: E402
from nnunetv2_muduo.imageio.nifti import CaseRefused  # noqa: E402

ORIGIN_MM = np.array([-20.0, -20.0, -60.0])
STEP_MM = 5.0


def wanted(*names):
    return tuple(WantedLabel(name, (name.lower(),)) for name in names)


@pytest.fixture
def ct(tmp_path):
    return write_series(tmp_path / "ct", ct_volume(shape=(10, 24, 26)), modality="CT", series="CT")


def files_of(folder):
    return DicomSeries(tuple(sorted(folder.iterdir())))


def read(path, *folders, wanted=()):
    """(label map, findings about its names) of an RTSTRUCT drawn on one of these series."""
    image = RtStructFile(path, tuple(map(files_of, folders)), wanted).read()
    return image, name_findings(image)


def z_mm(slice_number):
    return ORIGIN_MM[2] + STEP_MM * slice_number


def test_rois_lie_where_an_independent_rasterizer_puts_them(tmp_path, ct):
    tube = [circle((11.3, 24.7, z_mm(k)), 21.1 - k) for k in range(2, 8)]
    holes = [circle((13.3, 26.1, z_mm(k)), 9.3) for k in range(3, 6)]
    island = [circle((13.3, 26.1, z_mm(4)), 4.9)]
    cube = [box((50.7, 50.9), (71.1, 63.3), z_mm(k)) for k in (0, 9)]
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"Tube": tube + holes + island, " cube ": cube})
    image, found = read(path, ct)
    assert found["label_names"] == {"1": "cube", "2": "Tube"}
    assert image.GetSize() == (26, 24, 10)
    labels = sitk.GetArrayFromImage(image)
    np.testing.assert_array_equal(labels == 2, reference_mask(image, tube + holes + island))
    np.testing.assert_array_equal(labels == 1, reference_mask(image, cube))
    assert (labels == 1).sum() == 2 * 5 * 3
    assert labels[4, 12, 8] == 2  # in the island
    assert labels[5, 12, 8] == 0  # in the hole


def test_grid_is_that_of_the_series_itself(tmp_path):
    folder = write_series(
        tmp_path / "ct", ct_volume(shape=(9, 13, 11)), "CT", orientation=OBLIQUE, spacing_mm=(2.5, 3.5, 4.25)
    )
    reference = files_of(folder).read()
    center_mm = np.array(reference.TransformContinuousIndexToPhysicalPoint((5.2, 6.1, 4)))
    image, _ = read(
        write_rtstruct(tmp_path / "rs.dcm", folder, {"a": [circle(center_mm, 9, u=OBLIQUE[:3], v=OBLIQUE[3:])]}), folder
    )
    assert image.GetSize() == reference.GetSize()
    for ours, theirs in zip(
        (image.GetOrigin(), image.GetSpacing(), image.GetDirection()),
        (reference.GetOrigin(), reference.GetSpacing(), reference.GetDirection()),
        strict=True,
    ):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_oblique_slices(tmp_path):
    folder = write_series(
        tmp_path / "ct", ct_volume(shape=(9, 23, 21)), "CT", orientation=OBLIQUE, spacing_mm=(2.5, 3.5, 4.25)
    )
    reference = files_of(folder).read()
    contours = []
    for k in range(2, 7):
        center_mm = np.array(reference.TransformContinuousIndexToPhysicalPoint((9.2, 11.1, k)))
        contours.append(circle(center_mm, 20.3 - 2 * k, u=OBLIQUE[:3], v=OBLIQUE[3:]))
    image, _ = read(write_rtstruct(tmp_path / "rs.dcm", folder, {"lesion": contours}), folder)
    labels = sitk.GetArrayFromImage(image)
    np.testing.assert_array_equal(labels == 1, reference_mask(image, contours))
    assert labels.any((1, 2)).tolist() == [False] * 2 + [True] * 5 + [False] * 2


def test_volume_of_a_ball(tmp_path):
    folder = write_series(tmp_path / "ct", ct_volume(shape=(30, 60, 60)), "CT", spacing_mm=(1.0, 1.0, 2.0))
    radius_mm = 23.3
    places_mm = -60.0 + 2 * np.arange(30)
    contours = [
        circle((9.6, 8.7, z), np.sqrt(radius_mm**2 - (z + 31) ** 2), n_points=200)
        for z in places_mm
        if abs(z + 31) < radius_mm
    ]
    image, _ = read(write_rtstruct(tmp_path / "rs.dcm", folder, {"ball": contours}), folder)
    volume_ml = sitk.GetArrayFromImage(image).sum() * 2.0 / 1000
    assert volume_ml == pytest.approx(4 / 3 * np.pi * radius_mm**3 / 1000, rel=0.01)


def test_what_is_left_out_is_named(tmp_path, ct):
    rois = {
        "GTV": [box((0.5, 0.5), (22.1, 22.2), z_mm(3)), ("OPEN_PLANAR", box((0, 0), (9, 9), z_mm(4)))],
        "isocenter": [("POINT", np.array([[1.0, 2.0, 3.0]]))],
        "template": [],
    }
    image, found = read(write_rtstruct(tmp_path / "rs.dcm", ct, rois), ct)
    assert found["label_names"] == {"1": "GTV"}
    remarks = "\n".join(found["label_remarks"])
    for words in ("GTV (OPEN_PLANAR)", "isocenter (POINT)", "template (no contours)"):
        assert words in remarks
    assert sitk.GetArrayFromImage(image).any((1, 2)).tolist() == [k == 3 for k in range(10)]


@pytest.mark.parametrize(
    ("rois", "words"),
    [
        ({}, "RTSTRUCT without an ROI"),
        ({"iso": [("POINT", np.zeros((1, 3)))], "new": []}, r"iso \(POINT\), new \(no contours\)"),
        ({"far": [box((0.5, 0.5), (22, 22), 500.0)]}, "ROI 'far' lies outside"),
        ({"tilted": [np.array([(0, 0, -50.0), (30, 0, -40), (30, 30, -30), (0, 30, -40)])]}, "ROI 'tilted'.*no slice"),
        ({"odd": [np.zeros((1, 4))]}, "'odd': ContourData .3006,0050. has 4 numbers"),
    ],
    ids=["empty", "no area", "outside", "tilted", "no points"],
)
def test_an_rtstruct_that_gives_nothing_is_refused_by_name(tmp_path, ct, rois, words):
    with pytest.raises(CaseRefused, match=words) as caught:
        read(write_rtstruct(tmp_path / "rs.dcm", ct, rois), ct)
    assert "rs.dcm" in str(caught.value)


def test_damaged_files_are_refused_by_name(tmp_path, ct):
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"a": [box((0.5, 0.5), (22, 22), z_mm(3))]})
    data = path.read_bytes()
    for n_bytes in (0, 100, len(data) // 2, len(data) - 20):
        path.write_bytes(data[:n_bytes])
        with pytest.raises(CaseRefused, match=r"rs\.dcm"):
            read(path, ct)


def test_overlap_is_refused_until_names_are_chosen(tmp_path, ct):
    body = [box((-9.9, -9.9), (70.1, 60.1), z_mm(k)) for k in range(10)]
    lesion = [circle((20.3, 20.3, z_mm(k)), 9.1) for k in (4, 5)]
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"Lesion": lesion, "BODY": body})
    with pytest.raises(CaseRefused, match=r"(?s)BODY.*Lesion.*overlap.*labels\.json"):
        read(path, ct)
    image, found = read(path, ct, wanted=wanted("lesion"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image) == 1, reference_mask(image, lesion))
    assert found["label_names"] == {"1": "lesion"}
    assert found["label_remarks"] == ["ROIs that labels.json doesn't name: BODY"]
    image, found = read(path, ct, wanted=wanted("body", "lesion"))  # the later one lies on top
    labels, names = sitk.GetArrayFromImage(image), found["label_names"]
    value = {name: int(number) for number, name in names.items()}
    np.testing.assert_array_equal(labels == value["lesion"], reference_mask(image, lesion))
    np.testing.assert_array_equal(labels > 0, reference_mask(image, body))
    assert "'lesion' lies on top of 'body'" in found["label_remarks"]
    with pytest.raises(CaseRefused, match=r"labels\.json names \(liver\); its ROIs are Lesion, BODY"):
        read(path, ct, wanted=wanted("liver"))


def test_values_of_rois_follow_their_names_whatever_their_numbers(tmp_path, ct):
    rois = {"b": [box((0.5, 0.5), (9, 9), z_mm(3))], "a": [box((30.5, 30.5), (42, 42), z_mm(3))]}
    for number, order in enumerate((rois, dict(reversed(rois.items())))):
        path = write_rtstruct(tmp_path / f"{number}.dcm", ct, order, first_number=7 * number)
        image, found = read(path, ct)
        assert found["label_names"] == {"1": "a", "2": "b"}
        assert image[14, 14, 3] == 1
        assert image[6, 6, 3] == 2


def test_without_a_reference_the_series_is_taken_on_whose_slices_the_contours_lie(tmp_path, ct):
    fine = write_series(
        tmp_path / "fine",
        ct_volume(shape=(20, 24, 26)),
        "CT",
        series="f",
        spacing_mm=(4, 4, 2.5),
        origin_mm=(-20, -20, -58.7),
    )
    contours = [circle((20.3, 20.3, -58.7 + 2.5 * k), 15) for k in range(4, 9)]
    path = write_rtstruct(tmp_path / "rs.dcm", fine, {"a": contours}, refers=())
    image, found = read(path, ct, fine)
    assert image.GetSpacing()[2] == pytest.approx(2.5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image) == 1, reference_mask(image, contours))
    assert "label_remarks" not in found
    _, found = read(path, ct)
    assert "contours lie between the slices" in found["label_remarks"][0]


def test_stamps_and_hash_tell_of_everything_that_the_label_depends_on(tmp_path, ct):
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"a": [box((0.5, 0.5), (22, 22), z_mm(3))]})
    source = RtStructFile(path, (files_of(ct),))
    before, (_, sha256) = source.file_stamps(), source.read_with_hash()
    assert source.file_stamps() == before
    assert RtStructFile(path, (files_of(ct),), ("a",)).file_stamps() != before
    next(ct.iterdir()).touch()
    assert source.file_stamps() != before
    write_rtstruct(path, ct, {"a": [box((0.5, 0.5), (26, 22), z_mm(3))]})
    assert source.read_with_hash()[1] != sha256
    assert not source.can_stand_as_it_is
