"""Lungs, heart, aorta and the great vessels."""

import numpy as np

from nnunetv2_muduo.phantom.canvas import Canvas, curve, ellipsoid, level_set, paint_tube, rotation, wobble
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.frame import chest, dome
from nnunetv2_muduo.phantom.patient import Patient, Study
from nnunetv2_muduo.phantom.skeleton import BONES, spine_y

_AORTA = [(8, -38, 84), (-10, -42, 112), (-6, -30, 140), (10, -6, 152), (22, 20, 138), (25, 31, 105)]
_DESCENDING_Z = (60, 20, -20, -60, -110, -150, -185)
_DESCENDING_X = (24, 20, 14, 10, 8, 6, 4)
_HEART_TURN = rotation(z_deg=-38) @ rotation(y_deg=28)  # the long axis points left, forward and down


def paint_lungs(canvas: Canvas, study: Study, rng: np.random.Generator) -> None:
    """Five lobes, divided by an oblique fissure on each side and a horizontal one on the right."""
    view = canvas.box((0, -8, 95), (130, 95, 125))
    z = view.axes_zyx[0]
    inside = (view.z > dome(view, study) + 2) & chest(z).contains(view.x, view.y, 0.985) & (view.z < 208)
    inside &= ~view.isin(BONES)
    apex = [ellipsoid(view, (side * 58, 4, 120), (50, 92, 94)) < 1 for side in (-1, 1)]
    inside &= (view.z < 130) | apex[0] | apex[1]
    bend = SmoothField(rng, (-40, -120, -160), (240, 120, 160), 55)(view.axes_zyx) * 4
    core = np.interp(view.z, (-10, 40, 110, 160, 205), (22, 24, 30, 26, 30)).astype(np.float32)
    behind = np.clip((view.y + 75) / 30, 0.12, 1)  # the lungs nearly meet behind the sternum
    behind *= np.clip((95 - view.y) / 45, 0.75, 1)
    inside &= np.abs(view.x) > np.maximum(core * behind + bend, 2)
    tilt_left, tilt_right = rng.normal(0.98, 0.06, 2)
    oblique = view.z - 163 + (70 - view.y) * np.where(view.x > 0, tilt_left, tilt_right).astype(np.float32) + bend
    horizontal = view.z - rng.normal(98, 5) + 0.12 * (view.y + 40) - bend
    left = view.x > 0
    view.paint(inside & left & (oblique < 0), "lung_lower_lobe_left")
    view.paint(inside & left & (oblique >= 0), "lung_upper_lobe_left")
    view.paint(inside & ~left & (oblique < 0), "lung_lower_lobe_right")
    view.paint(inside & ~left & (oblique >= 0) & (horizontal >= 0), "lung_upper_lobe_right")
    view.paint(inside & ~left & (oblique >= 0) & (horizontal < 0), "lung_middle_lobe_right")
    paint_airways(canvas)


def paint_airways(canvas: Canvas) -> None:
    """Windpipe and its two branches."""
    paint_tube(canvas, [(0, -56, 300), (0, -34, 255), (0, -16, 205), (0, 2, 150)], 8, "airway")
    for side, low in ((-1, 118), (1, 112)):
        paint_tube(canvas, [(0, 2, 150), (side * 38, 8, low)], (7, 5), "airway")


def paint_heart(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Heart: blood pool, thin right wall, and the left ventricle's thick wall, open towards the base."""
    center = np.add((25, -42, 52 + 0.4 * (study.dome_mm - 45)), np.multiply(patient.offsets_xyz["heart"], 0.6))
    view = canvas.box(center, (75, 75, 75))
    level = ellipsoid(view, center, (66, 47, 47), _HEART_TURN) + wobble(view, rng, center, 50, 0.05)
    inside = chest(view.axes_zyx[0]).contains(view.x, view.y, 0.96) & ~view.isin(BONES) & (view.z > dome(view, study))
    volume_ml = patient.volumes_ml["heart"] * study.volume_factor
    heart = level_set(level, inside, round(volume_ml / view.voxel_ml))
    wall = heart & (level >= 0.9 * level[heart].max())
    paint_chambers(view, heart, wall, center, (volume_ml / 620) ** (1 / 3))


def paint_chambers(view: Canvas, heart: np.ndarray, wall: np.ndarray, center, size: float) -> None:
    """The inside of a heart: blood within the wall, and the left ventricle's thick wall, open towards the base.

    center: of the heart (x, y, z) in mm. size: 1 for a heart of 620 ml, length in proportion.
    """
    ventricle = center + _HEART_TURN @ np.array((14, 13, -4)) * size
    outer = ellipsoid(view, ventricle, np.array((46, 31, 31)) * size, _HEART_TURN)
    inner = ellipsoid(view, ventricle - _HEART_TURN @ np.array((5, 0, 0)), np.array((38, 20, 20)) * size, _HEART_TURN)
    axes = zip((view.x, view.y, view.z), ventricle, _HEART_TURN[:, 0], strict=True)
    along = sum((a - c) * t for a, c, t in axes)
    view.paint(heart, "heart_blood")
    view.paint(wall, "right_heart_wall")
    view.paint(heart & (outer < 1) & (along > -26 * size), "left_heart_wall")
    view.paint(heart & (inner < 1), "heart_blood")


def paint_vessels(canvas: Canvas, rng: np.random.Generator) -> None:
    """Aorta from the valve to its fork, and the unlabeled vessels around it."""
    front = spine_y(np.array(_DESCENDING_Z)) - np.array((8, 10, 22, 30, 31, 31, 31))
    line = [*_AORTA, *zip(_DESCENDING_X, front, _DESCENDING_Z, strict=True)]
    line = curve(line + rng.normal(0, 2, (len(line), 3)), 60)
    radii = np.interp(np.linspace(0, 1, 60), (0, 0.25, 0.4, 0.65, 1), (16, 14, 12.5, 11, 9.5)) * rng.uniform(0.85, 1.08)
    _paint_central_veins(canvas)
    for side in (-1, 1):
        _paint_neck(canvas, side)
        _paint_iliac_vessels(canvas, line[-1], side)
    paint_tube(canvas, line, radii, "aorta")


def _paint_central_veins(canvas: Canvas) -> None:
    """Caval veins, and the pulmonary trunk with its two branches."""
    soft = ("visceral_fat", "mediastinum", "muscle", "small_bowel", "fat")
    paint_tube(canvas, curve([(-30, -30, 60), (-22, -12, 0), (-20, -8, -60), (-16, -10, -180)], 16), 10, "vein", soft)
    trunk, branches = (
        [(22, -52, 84), (14, -34, 112), (-4, -14, 120)],
        [(-38, -4, 106), (-4, -14, 118), (16, -20, 120), (40, 6, 116)],
    )
    for line, radii in (([(-22, -32, 90), (-18, -30, 160)], 9), (trunk, (14, 13, 12)), (branches, (9, 11, 11, 9))):
        paint_tube(canvas, line, radii, "vein", ("mediastinum",))


def _paint_neck(canvas: Canvas, side: int) -> None:
    """Carotid artery, jugular vein and one lobe of the thyroid."""
    line = [(side * 14, -14, 160), (side * 26, -22, 220), (side * 30, -36, 320)]
    paint_tube(canvas, line, 4.5, "artery", ("muscle", "mediastinum"))
    paint_tube(canvas, np.add(line, (side * 9, -4, 0)), 6, "vein", ("muscle", "mediastinum"))
    paint_tube(canvas, [(side * 14, -42, 222), (side * 14, -42, 248)], 8, "gland", ("muscle",))


def _paint_iliac_vessels(canvas: Canvas, fork_xyz: np.ndarray, side: int) -> None:
    soft = ("visceral_fat", "muscle", "small_bowel", "fat")
    line = [fork_xyz, (side * 32, 6, -240), (side * 60, -30, -310), (side * 66, -48, -400)]
    paint_tube(canvas, curve(line, 12), 6, "artery", soft)
    paint_tube(canvas, curve(np.add(line, (side * 4, 12, 0)), 12), 6, "vein", soft)
