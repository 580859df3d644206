"""Bones: spine, ribs, shoulder girdle, pelvis, thighs, skull with the brain."""

import numpy as np

from nnunetv2_muduo.phantom.canvas import Canvas, ellipsoid, paint_tube, rotation, tube
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.frame import arm_points, chest
from nnunetv2_muduo.phantom.patient import Study

BONES = ("cortical_bone", "spongy_bone", "cartilage", "spinal_canal")
_SPINE_Z = (-225, -180, -120, -60, 0, 60, 120, 170, 210, 260, 300, 340)
_SPINE_Y = (34, 20, 15, 21, 33, 43, 43, 30, 16, 2, -8, -20)


def spine_y(z: np.ndarray) -> np.ndarray:
    """Where the vertebral bodies lie from front to back, at the heights z."""
    return np.interp(z, _SPINE_Z, _SPINE_Y).astype(np.float32)


def paint_bone(canvas: Canvas, depth_mm: np.ndarray, cortex_mm: float = 2.5, inside: str = "spongy_bone") -> None:
    """A bone with a cortical shell."""
    canvas.paint(depth_mm > 0, "cortical_bone")
    canvas.paint(depth_mm > cortex_mm, inside)


def paint_spine(canvas: Canvas) -> None:
    """Vertebral bodies with discs, arches with the spinal canal, processes."""
    view = canvas.box((0, 40, 55), (45, 75, 275))
    in_range = (view.z > -225) & (view.z < 338)
    y = view.y - spine_y(view.z)
    body_radius = np.interp(view.z, (-220, -60, 60, 150, 220, 330), (25, 22, 17, 14, 11, 10)).astype(np.float32)
    vertebra = np.interp(view.z, (-225, -40, 215, 340), (0, 5.4, 16, 23.4)).astype(np.float32) % 1
    bone = vertebra > 0.2
    behind = y - body_radius
    arch = np.hypot(view.x, behind - 8)
    wing = (np.abs(behind - 10) < 5) & (np.abs(view.x) < 1.6 * body_radius) & (np.abs(vertebra - 0.6) < 0.25)
    process = (np.abs(view.x) < 4) & (behind > 14) & (behind < 34 - vertebra * 10) & (vertebra > 0.35)
    canvas_bone = in_range & ((arch < 14) & bone | wing | process)
    view.paint(canvas_bone, "cortical_bone")
    body = np.hypot(view.x, y / np.float32(0.85)) - body_radius
    view.paint(in_range & (body < 0), "cartilage")
    view.paint(in_range & (body < 0) & bone, "cortical_bone")
    view.paint(in_range & (body < -2) & bone & (vertebra > 0.25) & (vertebra < 0.95), "spongy_bone")
    view.paint(in_range & (arch < 8.5) & (body > 0), "spinal_canal")


def paint_chest_wall(canvas: Canvas) -> None:
    """Ribs, sternum, collar bones and shoulder blades."""
    view = canvas.box((0, 0, 70), (170, 120, 145))
    depth = chest(view.axes_zyx[0]).depth(view.x, view.y)
    level = view.z + np.float32(0.5) * (55 - view.y)  # constant along a rib: ribs fall towards the front
    shell = (depth < -1) & (depth > -11) & (view.z > -62 + 0.62 * (40 - view.y)) & (view.z < 205)
    rib = shell & (level % 27 < 11) & (np.abs(view.x) > 14)
    front = view.y < -62
    view.paint(rib & front, "cartilage")
    view.paint(rib & ~front, "cortical_bone")
    view.paint(rib & ~front & (np.abs(depth + 6) < 3), "spongy_bone")
    sternum = (depth < -1) & (depth > -13) & front & (np.abs(view.x) < 17 + 8 * (view.z > 140))
    view.paint(sternum & (view.z > 25) & (view.z < 168), "spongy_bone")
    for side in (-1, 1):
        _paint_tube_bone(view, [(side * 18, -66, 168), (side * 80, -52, 182), (side * 150, 2, 196)], 7)
        blade = ellipsoid(view, (side * 108, 78, 118), (52, 5, 62), rotation(z_deg=-side * 28))
        view.paint(blade < 1, "cortical_bone", over=("muscle", "fat"))


def paint_limbs(canvas: Canvas, study: Study) -> None:
    """Upper arm and thigh bones with their marrow."""
    for side in (-1, 1):
        arm, shaft = arm_points(study, side), [(side * 140, 8, -362), (side * 128, 4, -420), (side * 104, -6, -560)]
        _paint_tube_bone(canvas, arm, (20, 12, 11, 10, 9, 9)[: len(arm)], 5, "marrow_fat")
        _paint_tube_bone(canvas, shaft, (19, 15, 14), 6, "marrow_fat")
        _paint_tube_bone(canvas, [(side * 92, 2, -328), (side * 138, 8, -358)], (16, 17))


def _paint_tube_bone(canvas: Canvas, points_xyz, radii_mm, cortex_mm: float = 2.5, inside: str = "spongy_bone") -> None:
    view = canvas.along(points_xyz, np.max(radii_mm))
    paint_bone(view, tube(view, points_xyz, radii_mm), cortex_mm, inside)


def paint_pelvis(canvas: Canvas) -> None:
    """Sacrum, iliac wings, hip joints, pubic and sitting bones."""
    view = canvas.box((0, 0, -300), (165, 90, 110))
    sacrum = ellipsoid(view, (0, 52, -262), (50, 17, 58), rotation(x_deg=-24))
    paint_bone(view, (1 - sacrum) * 17)
    for side in (-1, 1):
        turn = rotation(y_deg=side * 24) @ rotation(z_deg=-side * 38)
        wing = ellipsoid(view, (side * 96, 8, -245), (9, 62, 66), turn)
        paint_bone(view, (1 - wing) * 9)
        socket, head = (ellipsoid(view, (side * 90, 2, -330), (r, r, r)) for r in (34, 25))
        paint_bone(view, (1 - socket) * 34)
        view.paint((1 - head) * 25 > -4, "cartilage")
        paint_bone(view, (1 - head) * 25)
        rami = [(side * 76, -18, -338), (side * 12, -62, -346), (side * 16, -58, -356), (side * 52, 26, -388)]
        _paint_tube_bone(view, [*rami, (side * 72, 28, -348)], (11, 8, 7, 9, 13))


def paint_head(canvas: Canvas, rng: np.random.Generator) -> None:
    """Skull, brain, eyes, jaw and airways of the head."""
    view = canvas.box((0, -60, 390), (85, 110, 120))
    brain = ellipsoid(view, (0, -45, 418), (67, 82, 63))
    paint_bone(view, (1.11 - brain) * 70 - (view.z < 356) * 4.0)
    folds = SmoothField(rng, (330, -150, -90), (500, 60, 90), 13)(view.axes_zyx)
    deep = ellipsoid(view, (0, -42, 412), (26, 32, 16))
    view.paint(brain < 1, "gray_matter")
    view.paint((brain < np.minimum(0.84 + 0.12 * folds, 0.95)) & (np.abs(view.x) > 3) & (view.z > 375), "white_matter")
    view.paint((deep < 1) & (brain < 1), "gray_matter")
    for side in (-1, 1):
        ventricle = ellipsoid(view, (side * 10, -40, 425), (7, 32, 10))
        view.paint(ventricle < 1, "ventricle")
    _paint_face(view)


def _paint_face(view: Canvas) -> None:
    paint_bone(view, (1 - ellipsoid(view, (0, -112, 352), (40, 26, 26))) * 26)
    jaw = [(-52, -62, 340), (-48, -70, 314), (-28, -118, 298), (0, -130, 296)]
    _paint_tube_bone(view, [*jaw, *[(-x, y, z) for x, y, z in jaw[-2::-1]]], 8)
    view.paint(ellipsoid(view, (0, -112, 352), (7, 22, 18)) < 1, "airway")
    paint_tube(view, [(0, -66, 350), (0, -60, 300)], 9, "airway")
    for side in (-1, 1):
        view.paint(ellipsoid(view, (side * 24, -112, 356), (11, 15, 15)) < 1, "airway")
        view.paint(ellipsoid(view, (side * 32, -122, 388), (16, 13, 14)) < 1, "eye")
        view.paint(ellipsoid(view, (side * 56, -55, 328), (10, 14, 22)) < 1, "gland", over=("muscle", "fat"))
        view.paint(ellipsoid(view, (side * 28, -86, 296), (10, 13, 9)) < 1, "gland", over=("muscle", "fat"))
        view.paint(ellipsoid(view, (side * 17, -66, 328), (6, 8, 11)) < 1, "tonsil", over=("muscle",))
