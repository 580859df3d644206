"""Postprocessing of files: the same parts go however the images are stored, and the grid stays as it is."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.data.postprocess import measure_extents_mm, postprocess_file
from nnunetv2_muduo.imageio.grid import Grid, read_grid

HEART = 1
OBLIQUE = (0.98, -0.17, 0.02, 0.17, 0.98, 0.05, -0.03, -0.05, 0.99)


def write_labels(path, with_fragment, orientation="LPS", direction=None):
    """A heart of 10 x 10 x 40 mm (side to side, front to back, feet to head), and where asked for a bit of it 50 mm below."""
    labels = np.zeros((60, 20, 20), np.uint8)
    labels[35:55, 5:10, 5:10] = HEART
    if with_fragment:
        labels[5:8, 5:8, 5:8] = HEART
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetOrigin((-10.0, 5.0, 30.0))
    if direction:
        image.SetDirection(tuple(np.linalg.qr(np.reshape(direction, (3, 3)))[0].ravel()))
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(path))
    return path


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SLP", "PIR"])
@pytest.mark.parametrize("stored_otherwise", ["labels", "predictions"])
def test_orientation_does_not_matter(tmp_path, orientation, stored_otherwise):
    of_labels, of_predictions = (orientation, "LPS") if stored_otherwise == "labels" else ("LPS", orientation)
    labels = write_labels(tmp_path / "labels.nii.gz", with_fragment=False, orientation=of_labels)
    expected = write_labels(tmp_path / "expected.nii.gz", with_fragment=False, orientation=of_predictions)
    prediction = write_labels(tmp_path / "prediction.nii.gz", with_fragment=True, orientation=of_predictions)
    extents_mm = measure_extents_mm([labels], [HEART])
    np.testing.assert_allclose(extents_mm[HEART, HEART], [10, 10, 40])
    assert postprocess_file(prediction, tmp_path / "out.nii.gz", extents_mm) == {HEART: [27]}
    cleaned = sitk.ReadImage(str(tmp_path / "out.nii.gz"))
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(cleaned), sitk.GetArrayFromImage(sitk.ReadImage(str(expected)))
    )
    assert Grid.of(cleaned) == read_grid(prediction)
    assert cleaned.GetPixelID() == sitk.sitkUInt8


def test_an_oblique_image_keeps_its_grid(tmp_path):
    prediction = write_labels(tmp_path / "prediction.nii.gz", with_fragment=True, direction=OBLIQUE)
    assert postprocess_file(prediction, tmp_path / "out.nii.gz", {(HEART, HEART): np.array([10.0, 10, 40])}) == {
        HEART: [27]
    }
    before, after = read_grid(prediction), read_grid(tmp_path / "out.nii.gz")
    assert after.size == before.size
    for name in ("spacing_mm", "origin_mm", "direction"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-5)
