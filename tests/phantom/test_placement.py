"""Where the standard body is put: against the phantom's own coordinates, and for maps that show only a part."""

from dataclasses import replace

import numpy as np
import pytest

from nnunetv2_muduo.phantom.anatomy import scan_grid, tissue_map
from nnunetv2_muduo.phantom.body import body_canvas, crop_to_body
from nnunetv2_muduo.phantom.canvas import Canvas
from nnunetv2_muduo.phantom.label_map import LabelMap
from nnunetv2_muduo.phantom.organ_painting import cover_organs
from nnunetv2_muduo.phantom.placement import organ_extents, place_body
from nnunetv2_muduo.phantom.population import ADULTS
from nnunetv2_muduo.phantom.tissues import ID, TISSUES

KINDS = {1: "lung", 2: "kidney", 3: "bladder", 4: "brain", 5: "liver", 6: "spleen"}
PARTS = {"brain": ("gray_matter", "white_matter", "ventricle")}
SHIFT_ZYX = (-1200.0, 35.0, -12.0)


@pytest.fixture(scope="module")
def truth(cases):
    """(the phantom's organs as a label map in a scan that is shifted, the patient's size)."""
    patient = replace(cases[0].patient, shape_variation_mm=0.0)
    study = replace(cases[0].study, turn_deg=0.0, shift_xyz=(0.0, 0.0, 0.0))
    grid = scan_grid(patient, study, ADULTS.field_of_view_mm, 8.0)
    value_of = np.zeros(len(TISSUES), np.uint8)
    for value, kind in KINDS.items():
        value_of[[t.name.startswith(PARTS.get(kind, kind)) for t in TISSUES]] = value
    labels = value_of[tissue_map(patient, study, grid)]
    origin = tuple(axis[0] + shift for axis, shift in zip(grid.axes_zyx, SHIFT_ZYX, strict=True))
    return LabelMap(labels, (8.0,) * 3, origin), patient.scale_xyz


def place(organs, without=()):
    kept = {value: kind for value, kind in KINDS.items() if kind not in without}
    return place_body(organ_extents(organs, kept))


@pytest.mark.parametrize("without", [(), ("brain",), ("bladder", "kidney"), ("lung",), ("liver", "spleen")])
def test_the_standard_body_is_found_where_the_phantom_has_it(truth, without):
    organs, (scale_x, scale_y, scale_z) = truth
    placement = place(organs, without)
    for standard_z in (-300.0, -100.0, 0.0, 100.0, 190.0, 400.0):
        far = ("brain" in without and standard_z > 200) or ("kidney" in without and standard_z < 0)
        found = placement.scan_z(standard_z)
        assert found == pytest.approx(SHIFT_ZYX[0] + scale_z * standard_z, abs=65 if far else 30)
        assert placement.standard_z(found) == pytest.approx(standard_z, abs=1e-6)
    x, y, width, depth = placement.sections(np.array([0.0]))[:, 0]
    assert x == pytest.approx(SHIFT_ZYX[2], abs=12)
    assert y == pytest.approx(SHIFT_ZYX[1], abs=15)
    if "lung" not in without:
        assert (width, depth) == (pytest.approx(scale_x, abs=0.12), pytest.approx(scale_y, abs=0.12))


def test_the_head_is_where_the_brain_is(truth):
    organs, _ = truth
    brain = organs.labels == 4
    bent = LabelMap(np.where(brain, 0, organs.labels), organs.spacing_zyx, organs.origin_zyx)
    bent.labels[np.roll(brain, -5, axis=1)] = 4  # 40 mm to the front
    upright, forward = (place(m).sections(np.array([90.0, 400.0])) for m in (organs, bent))
    np.testing.assert_allclose(forward[1] - upright[1], (0, -40), atol=0.01)


@pytest.mark.parametrize("bladder_z", [slice(-3, -1), slice(1, 3)])
def test_an_organ_in_a_wrong_place_is_passed_over(truth, bladder_z):
    organs, _ = truth
    labels = np.pad(np.where(np.isin(organs.labels, (3, 4)), 0, organs.labels), ((60, 0), (0, 0), (0, 0)))
    labels[bladder_z, 20:24, 20:24] = 3  # above the shoulders, or half a meter below the pelvis
    lost = LabelMap(labels, organs.spacing_zyx, (organs.origin_zyx[0] - 60 * 8, *organs.origin_zyx[1:]))
    expected, found = place(organs, ("brain", "bladder")), place(lost, ("brain",))
    for z in (-400.0, 0.0):
        assert found.scan_z(z) == pytest.approx(expected.scan_z(z), abs=1)


def test_an_edge_that_the_scan_cuts_is_not_taken_for_the_organs_end(truth):
    organs, (_, _, scale_z) = truth
    slices = np.flatnonzero((organs.labels == 4).any((1, 2)))
    cut = organs.crop((slice(0, (slices[0] + slices[-1]) // 2), slice(0, None), slice(0, None)))
    assert place(cut).scan_z(360.0) == pytest.approx(SHIFT_ZYX[0] + scale_z * 360, abs=30)


def test_legs_and_air_are_left_out_and_organs_never(truth):
    organs, _ = truth
    padded = np.pad(organs.labels, ((150, 20), (30, 30), (30, 30)))
    origin = tuple(o - 8.0 * n for o, n in zip(organs.origin_zyx, (150, 30, 30), strict=True))
    cropped = crop_to_body(LabelMap(padded, (8.0,) * 3, origin), place(organs), (560.0, 512.0))
    assert 100 < len(cropped.labels) < 150
    assert cropped.labels.shape[1:] == (64, 70)
    narrow = crop_to_body(LabelMap(padded, (8.0,) * 3, origin), place(organs), (80.0, 80.0))
    for part in (cropped, narrow):
        np.testing.assert_array_equal(np.bincount(part.labels.ravel())[1:], np.bincount(padded.ravel())[1:])
        z = np.nonzero(part.labels)[0].mean() * 8 + part.origin_zyx[0]
        assert z == pytest.approx(np.nonzero(organs.labels)[0].mean() * 8 + organs.origin_zyx[0])


def test_coordinates_of_the_canvas_are_those_of_the_standard_body(truth):
    organs, (scale_x, _, scale_z) = truth
    canvas, grid = body_canvas(organs, place(organs), 0.0, np.random.default_rng(0))
    z, y, x = (int(np.abs(axis).argmin()) for axis in grid.axes_zyx)
    assert abs(canvas.z[z, y, x]) < 12
    assert abs(canvas.x[z, y, x]) < 12
    assert canvas.x[z, y, x + 10] - canvas.x[z, y, x] == pytest.approx(80 / scale_x, rel=0.15)
    assert canvas.z[z + 10, y, x] - canvas.z[z, y, x] == pytest.approx(80 / scale_z, rel=0.3)
    assert (canvas.tissue == ID["air"]).all()


def test_no_organ_touches_air_and_the_phantoms_own_organs_give_way():
    axes = tuple(np.arange(24, dtype=np.float32) * 4 for _ in range(3))
    z, y, x = np.meshgrid(*axes, indexing="ij")
    tissue = np.full(z.shape, ID["air"], np.uint8)
    tissue[:3] = ID["liver"]
    canvas = Canvas(tissue, x, y, z, axes, 0.064)
    labels = np.zeros(z.shape, np.uint8)
    labels[11:13, 11:13, 11:13] = 1
    cover_organs(canvas, labels, {1: "liver"}, fat_mm=8.0)
    assert ID["liver"] not in canvas.tissue
    assert (canvas.tissue[:3] == ID["muscle"]).all()
    outwards = [TISSUES[i].name for i in canvas.tissue[12, 12, 12:]]
    assert outwards[:8] == ["muscle"] * 3 + ["fat"] + ["skin"] + ["air"] * 3


def test_a_brain_gets_a_skull():
    axes = tuple(np.arange(20, dtype=np.float32) * 4 for _ in range(3))
    z, y, x = np.meshgrid(*axes, indexing="ij")
    canvas = Canvas(np.full(z.shape, ID["air"], np.uint8), x, y, z, axes, 0.064)
    labels = np.zeros(z.shape, np.uint8)
    labels[8:12, 8:12, 8:12] = 1
    cover_organs(canvas, labels, {1: "brain"}, fat_mm=4.0)
    assert (canvas.tissue[10, 10, 12:14] == ID["cortical_bone"]).all()
