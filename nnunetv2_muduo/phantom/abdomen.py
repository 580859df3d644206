"""Abdomen: its fat, bowel, liver, spleen, kidneys, and the pelvic organs, each grown to the patient's volume."""

import numpy as np

from nnunetv2_muduo.phantom.canvas import Canvas, curve, ellipsoid, level_set, paint_tube, rotation, tube, wobble
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.frame import belly, chest, dome
from nnunetv2_muduo.phantom.patient import Patient, Study
from nnunetv2_muduo.phantom.skeleton import BONES


def paint_cavities(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Mediastinum, visceral fat and the bowel in it."""
    view = canvas.box((0, -10, -80), (150, 110, 310))
    z = view.axes_zyx[0]
    in_chest = chest(z).contains(view.x, view.y) & (view.z < 212)
    above = view.z > dome(view, study)
    view.paint(in_chest & above, "mediastinum")
    inside = _belly_mask(view, patient, study) & (view.z > -372)
    view.paint(inside, "visceral_fat")
    loops = SmoothField(rng, (-400, -150, -180), (80, 120, 180), 23)(view.axes_zyx)
    middle = ellipsoid(view, (0, -45, -190), (95, 58, 125))
    view.paint(inside & (np.abs(loops) < 0.55) & (middle < 1), "small_bowel")


def paint_colon(canvas: Canvas, rng: np.random.Generator) -> None:
    """Colon and rectum, with gas above its content here and there."""
    way = [(-98, -20, -250), (-104, -15, -180), (-102, -18, -125), (-50, -72, -118), (20, -78, -130), (84, -45, -95)]
    way += [
        (108, 0, -85),
        (108, 5, -160),
        (100, 0, -220),
        (50, -15, -270),
        (10, 10, -290),
        (0, 35, -310),
        (0, 42, -365),
    ]
    points = curve(np.array(way) + rng.normal(0, 7, (len(way), 3)) * np.linspace(1, 0.2, len(way))[:, None], 45)
    radii = np.interp(np.linspace(0, 1, 45), (0, 0.3, 0.6, 1), (24, 20, 16, 15)) * rng.uniform(0.8, 1.15, 45)
    view = canvas.along(points, radii.max())
    depth = tube(view, points, radii)
    view.paint(depth > 0, "colon", over=("visceral_fat", "small_bowel", "muscle"))
    gas = SmoothField(rng, (-400, -150, -180), (80, 120, 180), 35)(view.axes_zyx)
    view.paint((depth > 4) & (gas > 0.7), "gas", over=("colon",))


def paint_muscles(canvas: Canvas) -> None:
    """Psoas muscles beside the lumbar spine."""
    for side in (-1, 1):
        way = [(side * 28, 22, -70), (side * 42, 14, -150), (side * 58, -8, -240), (side * 74, -30, -320)]
        paint_tube(canvas, way, (9, 22, 25, 17), "muscle", over=("visceral_fat", "small_bowel", "colon"))


def paint_upper_belly(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Stomach, pancreas, liver, gallbladder, spleen and kidneys, in the order of who gives way."""
    paint_stomach(canvas, patient, study, rng)
    points = curve([(-38, -38, -92), (-15, -48, -84), (20, -36, -70), (66, -4, -50)], 12)
    paint_tube(canvas, points, np.linspace(14, 8, 12), "pancreas", over=("visceral_fat", "small_bowel"))
    paint_liver(canvas, patient, study, rng)
    paint_spleen(canvas, patient, study, rng)
    for side in ("left", "right"):
        paint_kidney(canvas, side, patient, study, rng)


def _place(organ: str, center, patient: Patient, study: Study) -> np.ndarray:
    """The organ's center: standard place, the patient's own offset, and the diaphragm's push."""
    push = np.array((0, 0, 0.5 * (study.dome_mm - 45)))
    return center + push + patient.offsets_xyz[organ]


def _belly_mask(view: Canvas, patient: Patient, study: Study) -> np.ndarray:
    z = view.axes_zyx[0]
    inside = belly(z, patient).contains(view.x, view.y) & (view.z < dome(view, study) - 1)
    return inside & (chest(z).contains(view.x, view.y, 0.97) | (view.z < -60)) & ~view.isin(BONES)


def _n_voxels(view: Canvas, organ: str, patient: Patient, study: Study) -> int:
    return round(patient.volumes_ml[organ] * study.volume_factor / view.voxel_ml)


def paint_stomach(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Stomach: wall, content and the gas that collects in front."""
    center = _place("stomach", (54, -38, -26), patient, study)
    view = canvas.box(center, (70, 70, 80))
    arc = curve(np.array([(24, 30, 42), (22, 6, 10), (6, -22, -34), (-34, -30, -58), (-62, -18, -56)]) + center, 14)
    level = -tube(view, arc, np.linspace(30, 17, 14), reach_mm=40) + wobble(view, rng, center, 60, 4)
    level[~np.isfinite(level)] = 1e3
    mask = level_set(level, _belly_mask(view, patient, study), _n_voxels(view, "stomach", patient, study))
    threshold = level[mask].max(initial=0)
    view.paint(mask, "stomach_wall")
    view.paint(mask & (level < threshold - 5), "stomach_content")
    view.paint(mask & (level < threshold - 5) & (view.y < center[1] - 24), "gas")


def paint_liver(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Liver: fills the right dome, ends in a wedge to the left and below; the gallbladder lies under it."""
    center = _place("liver", (-54, -22, -34), patient, study)
    view = canvas.box(center, (115, 95, 100))
    body = ellipsoid(view, center + np.array((0, 0, 25)), (92, 80, 105), rotation(y_deg=8))  # the dome cuts its top
    below = (-(view.z - center[2]) + 0.52 * (view.x - center[0]) + 0.22 * (view.y - center[1])) / 46
    level = np.cbrt(np.maximum(body, 0) ** 3 + np.maximum(below, 0) ** 3) + wobble(view, rng, center, 80, 0.05)
    mask = level_set(level, _belly_mask(view, patient, study), _n_voxels(view, "liver", patient, study))
    view.paint(mask, "liver")
    center = center + np.array((-2, -22, -56))
    view = canvas.box(center, (30, 30, 45))
    level = ellipsoid(view, center, (14, 16, 28), rotation(x_deg=25))
    soft = view.isin(("visceral_fat", "small_bowel", "colon", "gas", "stomach_content", "stomach_wall"))
    view.paint(level_set(level, soft & (level < 1.5), _n_voxels(view, "gallbladder", patient, study)), "gallbladder")


def paint_spleen(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Spleen: a crescent under the left dome, hollow towards stomach and kidney."""
    center = _place("spleen", (95, 28, -18), patient, study)
    view = canvas.box(center, (60, 70, 75))
    turn = rotation(z_deg=30) @ rotation(x_deg=25)
    level = ellipsoid(view, center, (30, 47, 58), turn) + wobble(view, rng, center, 40, 0.08)
    hollow = ellipsoid(view, center + np.array((-42, -22, -4)), (40, 42, 60))
    level += np.maximum(1.1 - hollow, 0) * 3
    mask = level_set(level, _belly_mask(view, patient, study), _n_voxels(view, "spleen", patient, study))
    view.paint(mask & ~view.isin(("liver",)), "spleen")


def paint_kidney(canvas: Canvas, side: str, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """One kidney: a bean with its upper pole leaning inwards, and the renal pelvis at its inner side."""
    sign = 1 if side == "left" else -1
    center = _place(f"kidney_{side}", (sign * 72, 27, -84 - 3 * (sign < 0)), patient, study)
    view = canvas.box(center, (55, 55, 75))
    turn = rotation(y_deg=-sign * 12) @ rotation(x_deg=-12) @ rotation(z_deg=-sign * 25)
    level = ellipsoid(view, center, (27, 29, 54), turn) + wobble(view, rng, center, 35, 0.05)
    hilum = center - turn @ np.array((sign * 27, 0, 0))
    notch = ellipsoid(view, hilum, (13, 14, 17), turn)
    level += np.maximum(1 - notch, 0) * 1.2
    allowed = _belly_mask(view, patient, study)
    mask = level_set(level, allowed, _n_voxels(view, f"kidney_{side}", patient, study))
    view.paint(mask, f"kidney_cortex_{side}")
    pelvis = ellipsoid(view, center - turn @ np.array((sign * 9, 0, 0)), (12, 11, 26), turn)
    view.paint(mask & (pelvis < 1), f"kidney_pelvis_{side}")


def paint_pelvic_organs(canvas: Canvas, patient: Patient, study: Study, rng: np.random.Generator) -> None:
    """Bladder, and below it the prostate or behind it the womb."""
    floor = (0, -18 + rng.normal(0, 3), -342)
    view = canvas.box(floor, (75, 75, 90))
    free = ~view.isin(BONES)
    if patient.male:
        center = np.array((0, 14, -352)) + np.multiply(patient.offsets_xyz["prostate"], (0.5, 0.5, 0.7))
        level = ellipsoid(view, center, (25, 19, 21)) + wobble(view, rng, center, 22, 0.06)
        view.paint(level_set(level, free, _n_voxels(view, "prostate", patient, study)), "prostate")
    half = np.array((42, 34, 30)) * (study.bladder_ml / 180) ** (1 / 3)
    center = np.array(floor) + np.array((0, 2, half[2] - (4 if patient.male else 14)))
    level = ellipsoid(view, center, half) + wobble(view, rng, center, 40, 0.05)
    free &= view.unlabeled_mask() & (view.z > floor[2] - 16)
    view.paint(level_set(level, free, round(study.bladder_ml / view.voxel_ml)), "bladder")
    if not patient.male:
        center = center + np.array((0, half[1] + 14, 14))
        level = ellipsoid(view, center, (26, 20, 34), rotation(x_deg=35))
        free &= ~view.isin(("bladder",))
        view.paint(level_set(level, free, _n_voxels(view, "uterus", patient, study)), "uterus")
