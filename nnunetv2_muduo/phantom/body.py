"""Body around the organs of a label map.

The map holds organs only. Skin, fat, muscles, bones, bowel and vessels are those of the phantom, painted in coordinates in
which the map's organs lie where the standard body has its own.
"""

import numpy as np

from nnunetv2_muduo.phantom import thorax
from nnunetv2_muduo.phantom.anatomy import ScanGrid, paint_frame, paint_lesions
from nnunetv2_muduo.phantom.canvas import Canvas
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.frame import BODY_BOX_ZYX
from nnunetv2_muduo.phantom.label_map import LabelMap
from nnunetv2_muduo.phantom.patient import Patient, Study
from nnunetv2_muduo.phantom.placement import CHEST_Z, Middle, Placement
from nnunetv2_muduo.phantom.tissues import ID

_WARP_LENGTH_MM = 75.0
_HALF_BODY_MM = 150.0
_SCAN_Z = -500.0, 530.0  # thighs to vertex; what a longer scan shows of legs and air is left out


def crop_to_body(organs: LabelMap, placement: Placement, field_of_view_mm: tuple[float, float]) -> LabelMap:
    """The map from the thighs to the vertex and within the field of view (x, y), but never less than its organs."""
    x_mm, y_mm = placement.sections(np.array([CHEST_Z]))[:2, 0]
    half_x, half_y = np.array(field_of_view_mm) / 2
    wanted = (placement.scan_z(_SCAN_Z), (y_mm - half_y, y_mm + half_y), (x_mm - half_x, x_mm + half_x))
    slices = []
    for axis, indices, (low, high) in zip(organs.axes_zyx, np.nonzero(organs.labels), wanted, strict=True):
        start, stop = np.searchsorted(axis, (low, high))
        slices.append(slice(min(start, indices.min()), max(stop, indices.max() + 1)))
    return organs.crop(tuple(slices))


def body_canvas(
    organs: LabelMap, placement: Placement, shape_variation_mm: float, rng: np.random.Generator
) -> tuple[Canvas, ScanGrid]:
    """A canvas of air in the standard body's coordinates, and the grid in mm from the standard body's origin."""
    z, y, x = organs.axes_zyx
    chest = Middle(*placement.sections(np.array([CHEST_Z]))[:, 0])
    axes = placement.standard_z(z), (y - chest.y) / chest.depth, (x - chest.x) / chest.width
    axes = tuple(axis.astype(np.float32) for axis in axes)
    here = Middle(*placement.sections(axes[0])[:, :, None, None].astype(np.float32))
    warp_z, warp_y, warp_x = (
        np.float32(shape_variation_mm) * SmoothField(rng, *BODY_BOX_ZYX, _WARP_LENGTH_MM)(axes) for _ in range(3)
    )
    standard_z = warp_z + axes[0][:, None, None]
    standard_y = warp_y + ((y[None, :, None] - here.y) / here.depth).astype(np.float32)
    standard_x = warp_x + ((x[None, None, :] - here.x) / here.width).astype(np.float32)
    tissue = np.full(organs.labels.shape, ID["air"], np.uint8)
    spacing_mm = organs.spacing_zyx[0]
    canvas = Canvas(tissue, standard_x, standard_y, standard_z, axes, spacing_mm**3 / 1000, _margin_mm(chest, here))
    return canvas, ScanGrid((z - placement.scan_z(0.0), y - chest.y, x - chest.x), spacing_mm)


def _margin_mm(chest: Middle, here: Middle) -> float:
    """By how much shapes of other heights may lie outside boxes that are placed as the chest is."""
    shift = max(np.abs(here.x - chest.x).max(), np.abs(here.y - chest.y).max())
    size = max(np.abs(here.width / chest.width - 1).max(), np.abs(here.depth / chest.depth - 1).max())
    return float(24 + shift + _HALF_BODY_MM * size)


def paint_rest_of_body(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """All of the standard body that a label map of organs does not show."""
    paint_frame(canvas, patient, study, rng, rng)
    thorax.paint_airways(canvas)
    thorax.paint_vessels(canvas, rng)
    if patient.has_lesions:
        paint_lesions(canvas, rng)
