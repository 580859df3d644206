"""Volume, uptake and place of objects: by hand, by SimpleITK's filters, and a real report's."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.evaluation.metrics import suv_peak
from nnunetv2_muduo.evaluation.object_figures import measure_objects
from nnunetv2_muduo.imageio.grid import Grid

DIRECTION = (0.96, -0.28, 0.0, 0.28, 0.96, 0.0, 0.0, 0.0, 1.0)


def images(seed=0, shape=(14, 17, 12)):
    rng = np.random.default_rng(seed)
    suv = rng.gamma(2, 2, shape).astype(np.float32)
    labels = np.zeros(shape, np.uint8)
    labels[2:8, 3:9, 1:7] = rng.random((6, 6, 6)) < 0.7
    labels[9:, 11:, 6:] = 7
    images = [sitk.GetImageFromArray(array) for array in (labels, suv)]
    for image in images:
        image.SetSpacing((4.0, 5.0, 3.0))
        image.SetOrigin((-30.0, 20.0, 100.0))
        image.SetDirection(DIRECTION)
    return images


def measured(labels, suv, objects):
    pet_suv = None if suv is None else sitk.GetArrayFromImage(suv)
    return measure_objects(sitk.GetArrayFromImage(labels), objects, Grid.of(labels), pet_suv)


def test_figures_are_those_of_simpleitk():
    labels, suv = images()
    shape, statistics = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelStatisticsImageFilter()
    shape.Execute(labels)
    statistics.Execute(suv, labels)
    for row in measured(labels, suv, {"lesion": 1, "other": 7}):
        value = row["object"]
        assert row["volume_ml"] == pytest.approx(shape.GetPhysicalSize(value) / 1000, rel=1e-12)
        assert row["suv_mean"] == pytest.approx(statistics.GetMean(value), rel=1e-9)
        assert row["suv_max"] == pytest.approx(statistics.GetMaximum(value), rel=1e-12)
        assert row["tlg_suv_ml"] == pytest.approx(statistics.GetSum(value) * 0.06, rel=1e-9)
        center_mm = [row[f"center_{axis}_mm"] for axis in "xyz"]
        np.testing.assert_allclose(center_mm, shape.GetCentroid(value), atol=1e-9)


def test_suv_peak_is_that_of_the_whole_image():
    """The box around an object holds all that its spheres reach."""
    labels, suv = images(1)
    array, values = sitk.GetArrayFromImage(labels), sitk.GetArrayFromImage(suv)
    for row in measured(labels, suv, {"lesion": 1, "other": 7}):
        assert row["suv_peak"] == pytest.approx(suv_peak(array == row["object"], values, (3.0, 5.0, 4.0)), rel=1e-12)


def test_what_is_not_there_has_no_volume_and_no_figures():
    (row,) = measured(*images(), {"nothing": 3})
    assert row["volume_ml"] == row["tlg_suv_ml"] == 0
    assert all(np.isnan(row[name]) for name in ("suv_mean", "suv_max", "suv_peak", "center_x_mm"))


def test_without_a_pet_there_is_no_uptake():
    (row,) = measured(images()[0], None, {"lesion": 1})
    assert list(row) == ["object", "name", "volume_ml", "center_x_mm", "center_y_mm", "center_z_mm"]


def test_the_real_reports_volume_and_tlg(shared_data):
    """Its segmentation gives its volume, and its mean SUV over these voxels its TLG; the PET itself isn't among its files."""
    pydicom = pytest.importorskip("pydicom")
    numbers = reported(pydicom.dcmread(shared_data / "pet_report" / "sr.dcm"))
    segmentation = pydicom.dcmread(shared_data / "pet_report" / "seg.dcm")
    measures = segmentation.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    mask = segmentation.pixel_array > 0
    grid = Grid(
        mask.shape[::-1],
        (*map(float, measures.PixelSpacing), float(measures.SliceThickness)),
        (0, 0, 0),
        tuple(np.eye(3).ravel()),
    )
    noise = np.random.default_rng(0).standard_normal(mask.shape)
    suv = numbers["Mean"] + noise - noise[mask].mean()
    (row,) = measure_objects(mask.astype(np.uint8), {"primary tumor": 1}, grid, suv)
    assert row["volume_ml"] == pytest.approx(numbers["Volume"], rel=1e-5)
    assert row["suv_mean"] == pytest.approx(numbers["Mean"], rel=1e-9)
    assert row["tlg_suv_ml"] == pytest.approx(numbers["Total Lesion Glycolysis"], rel=1e-5)


def reported(item) -> dict[str, float]:
    """Numbers of a structured report, by their derivation or else their name."""
    numbers = {}
    for part in item.get("ContentSequence", []):
        if part.ValueType == "NUM":
            derivations = [
                one.ConceptCodeSequence[0].CodeMeaning
                for one in part.get("ContentSequence", [])
                if one.ValueType == "CODE"
            ]
            name = part.ConceptNameCodeSequence[0].CodeMeaning
            key = derivations[0] if derivations and name == "SUVbw" else name
            numbers[key] = float(part.MeasuredValueSequence[0].NumericValue)
        numbers |= reported(part)
    return numbers
