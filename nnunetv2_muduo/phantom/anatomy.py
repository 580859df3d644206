"""Map of tissues on the scan's grid, painted from a patient and a study."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects
from scipy.ndimage import label as connected_components

from nnunetv2_muduo.phantom import abdomen, frame, skeleton, thorax
from nnunetv2_muduo.phantom.canvas import Canvas, ellipsoid
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.patient import Patient, Study
from nnunetv2_muduo.phantom.tissues import ID, LABEL_OF_TISSUE

_WARP_LENGTH_MM = 75.0


@dataclass(frozen=True)
class ScanGrid:
    """Centers of the voxels in mm along z (to the head), y (to the back) and x (to the left), all rising."""

    axes_zyx: tuple[np.ndarray, np.ndarray, np.ndarray]
    spacing_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return tuple(len(axis) for axis in self.axes_zyx)


def scan_grid(patient: Patient, study: Study, field_of_view_mm: tuple[float, float], spacing_mm: float) -> ScanGrid:
    """The grid of a study, in mm of the patient's own body."""
    z_low, z_high = (z * patient.scale_xyz[2] for z in study.z_range_mm)
    n_x, n_y = (round(extent / spacing_mm) for extent in field_of_view_mm)
    x, y = ((np.arange(n) - (n - 1) / 2) * spacing_mm for n in (n_x, n_y))
    z = z_low + np.arange(round((z_high - z_low) / spacing_mm)) * spacing_mm
    return ScanGrid((z, y, x), spacing_mm)


def blank_canvas(patient: Patient, study: Study, grid: ScanGrid) -> Canvas:
    """A canvas of air whose coordinates carry the patient's size, pose and individual shape."""
    axes = [(a - s) / f for a, s, f in zip(grid.axes_zyx, study.shift_xyz[::-1], patient.scale_xyz[::-1], strict=True)]
    axes = tuple(axis.astype(np.float32) for axis in axes)
    rng = np.random.default_rng((patient.shape_seed, 0))
    warps = [SmoothField(rng, *frame.BODY_BOX_ZYX, _WARP_LENGTH_MM)(axes) for _ in range(3)]
    for warp in warps:
        warp *= np.float32(patient.shape_variation_mm)
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    cos, sin = np.float32(np.cos(np.deg2rad(study.turn_deg))), np.float32(np.sin(np.deg2rad(study.turn_deg)))
    warps[0] += z
    warps[1] += y * cos + x * sin
    warps[2] += x * cos - y * sin
    tissue = np.full(grid.shape, ID["air"], np.uint8)
    voxel_ml = grid.spacing_mm**3 / 1000
    return Canvas(tissue, warps[2], warps[1], warps[0], axes, voxel_ml)


def paint_frame(
    canvas: Canvas, patient: Patient, study: Study, own: np.random.Generator, moving: np.random.Generator
) -> None:
    """Body, cavities, bones, muscles and colon: what every body has around its organs.

    own, moving: draw what stays with the patient, and what changes from study to study.
    """
    frame.paint_body(canvas, patient, study)
    abdomen.paint_cavities(canvas, patient, study, moving)
    skeleton.paint_chest_wall(canvas)
    skeleton.paint_limbs(canvas, study)
    skeleton.paint_pelvis(canvas)
    abdomen.paint_muscles(canvas)
    skeleton.paint_spine(canvas)
    skeleton.paint_head(canvas, own)
    abdomen.paint_colon(canvas, moving)


def tissue_map(patient: Patient, study: Study, grid: ScanGrid) -> np.ndarray:
    """Tissue ids (z, y, x) uint8 of one study: the true anatomy, without any blur."""
    canvas = blank_canvas(patient, study, grid)
    own, moving = (np.random.default_rng((p.shape_seed, 1)) for p in (patient, study))
    paint_frame(canvas, patient, study, own, moving)
    thorax.paint_lungs(canvas, study, own)
    abdomen.paint_upper_belly(canvas, patient, study, own)
    abdomen.paint_pelvic_organs(canvas, patient, study, own)
    thorax.paint_heart(canvas, patient, study, own)
    thorax.paint_vessels(canvas, own)
    if patient.has_lesions:
        paint_lesions(canvas, moving)
    paint_table(canvas, study)
    drop_islands(canvas.tissue)
    return canvas.tissue


def drop_islands(tissue: np.ndarray) -> None:
    """Turn into muscle what another organ has cut off from the main part of its own, in place."""
    labels = LABEL_OF_TISSUE[tissue]
    for label, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        parts, n_parts = connected_components(labels[box] == label, structure=np.ones((3, 3, 3)))
        if n_parts > 1:
            main_part = np.argmax(np.bincount(parts.ravel())[1:]) + 1
            tissue[box][(parts > 0) & (parts != main_part)] = ID["muscle"]


def paint_lesions(canvas: Canvas, rng: np.random.Generator) -> None:
    """Tumors and lymph nodes in unlabeled tissue; the labeled organs keep their shape."""
    for _ in range(rng.integers(1, 7)):
        center = np.array((rng.uniform(-110, 110), rng.uniform(-60, 50), rng.uniform(-330, 290)))
        half = rng.uniform(6, 16) * rng.uniform(0.75, 1.3, 3)
        view = canvas.box(center, half)
        hosts = ("fat", "muscle", "visceral_fat", "mediastinum", "spongy_bone", "small_bowel")
        view.paint(ellipsoid(view, center, half) < 1, "lesion", over=hosts)


def paint_table(canvas: Canvas, study: Study) -> None:
    """The couch: a shallow shell under the back."""
    y, x = canvas.axes_zyx[1][:, None], canvas.axes_zyx[2][None, :]
    back = np.flatnonzero((canvas.tissue != ID["air"]).any((0, 2)))
    top = canvas.axes_zyx[1][back[-1]] + 4 if len(back) else 120
    shell = np.abs(y - top - 12 + np.square(x / 210) * 45 - 8) < 6
    mask = np.broadcast_to(shell & (np.abs(x) < 215), canvas.tissue.shape)
    canvas.paint(mask, "table", over=("air",))
