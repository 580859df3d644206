"""Objects that claim the same voxels."""

import numpy as np
import SimpleITK as sitk
from fixtures.prompting import LIVER_MM, grid_mm, moved, session_on, voxels


def test_contested_voxels_go_to_the_nearest_click(pet):
    session = session_on(pet, "threshold:2")
    session.add_point(LIVER_MM - (30, 0, 0), object_id=1)
    session.add_point(moved(LIVER_MM, 30, 0, 0), object_id=2)
    labels = session.label_map()
    assert labels[labels.TransformPhysicalPointToIndex((LIVER_MM - (30, 0, 0)).tolist())] == 1
    assert labels[labels.TransformPhysicalPointToIndex((moved(LIVER_MM, 30, 0, 0)).tolist())] == 2
    assert {1, 2} == set(np.unique(voxels(labels) * sitk.GetArrayFromImage(labels))) - {0}
    left = sitk.GetArrayFromImage(labels) == 1
    assert (grid_mm()[left][:, 0] <= LIVER_MM[0]).all()
