"""Label maps on the grid of their PET."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from nnunetv2_muduo.imageio.grid import Grid, index_map, is_same_grid, put_on_grid


def put_labels_on_grid(label: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """A label map (whole numbers) on the grid of `reference`, voxel by voxel the value that is nearest.

    A label of which no voxel is nearest to any of the reference's takes those in which its own voxels lie: it is smaller than
    one of them, and would be lost.
    """
    result = put_on_grid(label, reference, sitk.sitkNearestNeighbor, 0)
    if is_same_grid(Grid.of(label), Grid.of(reference)):
        return result
    source, values = sitk.GetArrayViewFromImage(label), sitk.GetArrayFromImage(result)
    lost = set(pd.unique(source.ravel())) - set(pd.unique(values.ravel())) - {0}
    if not lost:
        return result
    for value in sorted(lost):
        places = _places(source == value, label, reference)
        values[places[:, 2], places[:, 1], places[:, 0]] = value
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(reference)
    return image


def _places(mask: np.ndarray, label: sitk.Image, reference: sitk.Image) -> np.ndarray:
    """(n, 3) indices (x, y, z) of the reference's voxels in which voxels of a mask [z, y, x] lie; those outside are left out."""
    matrix, offset = index_map(Grid.of(label), Grid.of(reference))
    places = np.rint(np.argwhere(mask)[:, ::-1] @ matrix.T + offset).astype(int)
    return places[((places >= 0) & (places < reference.GetSize())).all(1)]
