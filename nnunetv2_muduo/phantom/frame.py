"""Outline of the body and its cavities, as cross-sections that vary with height."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from nnunetv2_muduo.phantom.canvas import Canvas, ellipsoid, tube
from nnunetv2_muduo.phantom.fields import SmoothField
from nnunetv2_muduo.phantom.patient import Patient, Study

BODY_BOX_ZYX = (-620, -320, -340), (620, 320, 340)

# height, half width, half depth, center (y), fat (relative to the waist); the outline is that of the muscles
_TRUNK = np.array(
    [
        (-426, 96, 34, 10, 0.9),
        (-410, 136, 70, 8, 0.9),
        (-385, 158, 86, 8, 0.9),
        (-335, 162, 90, 8, 0.9),
        (-260, 150, 92, 4, 1.0),
        (-180, 138, 92, -2, 1.1),
        (-110, 136, 94, -6, 1.0),
        (-40, 143, 100, -8, 0.8),
        (40, 149, 104, -8, 0.6),
        (100, 153, 104, -6, 0.55),
        (150, 160, 97, 0, 0.5),
        (182, 156, 80, 6, 0.45),
        (208, 112, 64, 8, 0.4),
        (226, 84, 60, 6, 0.3),
        (248, 58, 56, 2, 0.25),
        (290, 54, 55, -8, 0.2),
        (340, 54, 56, -20, 0.2),
    ]
)
# height, half width, half depth, center (y): inner side of the ribs
_CHEST = np.array(
    [
        (-70, 122, 84, -12),
        (0, 127, 85, -9),
        (60, 126, 85, -8),
        (110, 119, 82, -6),
        (150, 106, 72, 0),
        (180, 82, 54, 6),
        (200, 58, 34, 10),
        (212, 30, 18, 12),
    ]
)
# the same for the inner side of the belly's wall
_BELLY = np.array(
    [
        (-375, 50, 30, 14),
        (-350, 66, 46, 6),
        (-310, 84, 60, -6),
        (-260, 104, 70, -18),
        (-190, 118, 74, -24),
        (-110, 122, 76, -22),
        (-40, 123, 84, -14),
        (60, 122, 84, -10),
    ]
)
_ARMS_UP = [(160, 14, 178), (182, 6, 250), (172, -20, 380), (150, -50, 520), (100, -60, 560)]
_ARMS_DOWN = [(172, 12, 182), (205, 18, 110), (226, 24, -60), (232, 0, -200), (222, -30, -330), (214, -45, -420)]
_LEG = [(84, 4, -390), (92, 2, -450), (96, -2, -560)]


class Section(NamedTuple):
    """An oval cross-section per slice; every entry has the shape (z, 1, 1)."""

    half_width: np.ndarray
    half_depth: np.ndarray
    center_y: np.ndarray

    def level(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Below 1 inside: the equation of a superellipse of power 2.5, between an ellipse and a rounded box."""
        across, along = np.abs(x / self.half_width), np.abs((y - self.center_y) / self.half_depth)
        return np.square(across) * np.sqrt(across) + np.square(along) * np.sqrt(along)

    def contains(self, x: np.ndarray, y: np.ndarray, part: float = 1.0) -> np.ndarray:
        """Mask of the points inside the outline, or inside the outline shrunk to a `part`."""
        return self.level(x, y) < part**2.5

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance in mm to the outline along the ray from the center, negative outside."""
        inverse_radius = np.maximum(self.level(x, y), 1e-6) ** np.float32(-0.4)
        return np.hypot(x, y - self.center_y) * (inverse_radius - 1)


def _at(knots: np.ndarray, z: np.ndarray) -> list[np.ndarray]:
    heights = np.clip(z, knots[0, 0], knots[-1, 0])
    columns = PchipInterpolator(knots[:, 0], knots[:, 1:])(heights).astype(np.float32)
    return [column.reshape(-1, 1, 1) for column in columns.T]


def chest(z: np.ndarray) -> Section:
    """Inner side of the ribs at the heights z (n,)."""
    return Section(*_at(_CHEST, z))


def belly(z: np.ndarray, patient: Patient) -> Section:
    """Inner side of the abdominal and pelvic wall at the heights z (n,)."""
    width, depth, center_y = _at(_BELLY, z)
    growth = 1 + patient.visceral * _waist(z)
    return Section(width * growth, depth * growth, center_y)


def arm_points(study: Study, side: int) -> list[tuple[float, float, float]]:
    """The line through an arm, raised or lowered; a lowered one keeps clear of broad hips."""
    if not study.arms_down:
        return [(side * x, y, z) for x, y, z in _ARMS_UP]
    return [(side * (x + 0.5 * study.fat_mm * (z < 150)), y, z) for x, y, z in _ARMS_DOWN]


def _waist(z: np.ndarray) -> np.ndarray:
    return np.exp(-(((z + 120) / 110) ** 2)).astype(np.float32).reshape(-1, 1, 1)


def paint_body(canvas: Canvas, patient: Patient, study: Study) -> None:
    """Skin, subcutaneous fat and muscle of the whole body."""
    muscle, skin = _trunk(canvas, patient, study)
    for depth, fat_mm in _head_and_limbs(canvas, study):
        np.maximum(muscle, depth, out=muscle)
        np.maximum(skin, depth + np.float32(fat_mm), out=skin)
    if not patient.male:
        for side in (-1, 1):
            center, half = (side * 78, -96 - 0.45 * study.fat_mm, 60), (64, 36 + 0.45 * study.fat_mm, 60)
            where = canvas.slices(center, half)
            breast = (1 - ellipsoid(canvas.part(where), center, half)) * half[1]
            np.maximum(skin[where], breast, out=skin[where])
    canvas.paint(skin > 0, "skin")
    canvas.paint(skin > max(2.0, 0.75 * canvas.spacing_mm), "fat")
    canvas.paint(muscle > 0, "muscle")


def _trunk(canvas: Canvas, patient: Patient, study: Study) -> tuple[np.ndarray, np.ndarray]:
    """Depth in mm below the surface of the muscles and below the skin."""
    z = canvas.axes_zyx[0]
    width, depth, center_y, fat = _at(_TRUNK, z)
    growth = 1 + patient.visceral * _waist(z)
    section = Section(width * growth, depth * growth, center_y)
    muscle = section.depth(canvas.x, canvas.y)
    muscle[(z < -425) | (z > 345)] = -np.inf
    front = np.clip((section.center_y - canvas.y) / section.half_depth, -1, 1)
    folds = SmoothField(np.random.default_rng((patient.shape_seed, 2)), *BODY_BOX_ZYX, 90.0)(canvas.axes_zyx)
    skin = muscle + np.maximum(fat * np.float32(study.fat_mm) * (1 + 0.25 * front + 0.2 * folds), 2)
    return muscle, skin


def _head_and_limbs(canvas: Canvas, study: Study):
    """(depth in mm below the muscles' surface, thickness of the fat) of each part."""
    for center, half in (((0, -45, 418), (79, 95, 76)), ((0, -80, 354), (62, 72, 66)), ((0, -88, 318), (50, 56, 40))):
        where = canvas.slices(center, half)
        depth = np.full(canvas.tissue.shape, -np.inf, np.float32)
        depth[where] = (1 - ellipsoid(canvas.part(where), center, half)) * min(half)
        yield depth, 3
    radii = (42, 40, 37, 33, 27, 22) if study.arms_down else (44, 42, 36, 30, 26)
    for side in (-1, 1):
        yield tube(canvas, arm_points(study, side), radii, reach_mm=20), 0.25 * study.fat_mm
        yield tube(canvas, [(side * x, y, z) for x, y, z in _LEG], (78, 76, 70), reach_mm=40), 0.6 * study.fat_mm


def dome(view: Canvas, study: Study) -> np.ndarray:
    """Height of the diaphragm above every (x, y): two domes, the right one higher, falling steeply at the rim."""
    side = np.where(view.x < 0, np.float32(-66), np.float32(64))
    top = np.where(view.x < 0, np.float32(study.dome_mm), np.float32(study.dome_mm - 13))
    return top - 46 * (np.square((view.x - side) / 70) + np.square((view.y + 16) / 86))
