"""Click on a PET in napari, Shift-click for what does not belong: python notebooks/napari_clicks.py pet_suv.nii.gz"""

import sys
from pathlib import Path

import napari
import SimpleITK as sitk

from nnunetv2_muduo import PromptSession, read_image

pet = sitk.DICOMOrient(read_image(Path(sys.argv[1])), "LPS")  # so that voxels here and in the session are the same
session = PromptSession("small_pet")
session.set_image(pet)
viewer = napari.Viewer()
image = viewer.add_image(
    sitk.GetArrayFromImage(pet), name="PET", scale=pet.GetSpacing()[::-1], contrast_limits=(0, 10), colormap="gray_r"
)
objects = viewer.add_labels(session.label_array(), name="objects", scale=pet.GetSpacing()[::-1])


@viewer.mouse_drag_callbacks.append
def click(viewer, event):
    z, y, x = image.world_to_data(event.position)
    session.add_point(voxel=(x, y, z), positive="Shift" not in event.modifiers)
    objects.data = session.label_array()


napari.run()
session.save("session.json")
