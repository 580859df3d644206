import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.images import read_labels, read_pet


def test_large_images_survive_reading(tmp_path):
    """Large enough for its memory to be given back at once where a view of a freed image is read."""
    values = np.random.default_rng(0).integers(0, 9, (120, 300, 300))
    for dtype, read in ((np.float32, read_pet), (np.uint8, read_labels)):
        sitk.WriteImage(sitk.GetImageFromArray(values.astype(dtype)), str(tmp_path / "image.nii"))
        np.testing.assert_array_equal(read(tmp_path / "image.nii"), values)
