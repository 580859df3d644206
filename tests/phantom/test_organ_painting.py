"""The organs of a label map on the canvas: what covers them, and what they are inside."""

import numpy as np

from nnunetv2_muduo.phantom.canvas import Canvas
from nnunetv2_muduo.phantom.organ_painting import cover_organs
from nnunetv2_muduo.phantom.tissues import ID, TISSUES


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


def test_organs_are_not_of_one_piece_inside(render, labels):
    images = render(0, uptake_variation=0.0, pet_noise=(0.0, 0.0), pet_fwhm_mm=(5.0, 5.0))
    for name, percentile, low, high in (
        ("kidneys", 97, 1.4, 5),  # urine in the renal pelvis
        ("heart", 97, 1.3, 3),  # the left ventricle's wall
        ("brain", 8, 0.2, 0.75),  # white matter
        ("stomach", 97, 1.3, 5),  # wall around content
    ):
        suv = images["SUV"][images["SEG"] == labels[name]]
        assert low < np.percentile(suv, percentile) / np.median(suv) < high, name


def test_cysts_are_dark_in_both_and_belong_to_their_organ(render, labels):
    plain, cystic = (render(1, cyst_fraction=f, contrast_fraction=1.0, ct_noise_hu=(8.0, 8.0)) for f in (0.0, 1.0))
    np.testing.assert_array_equal(plain["SEG"], cystic["SEG"])
    liver = plain["SEG"] == labels["liver"]
    assert (cystic["CTres"][liver] < 40).sum() > (plain["CTres"][liver] < 40).sum() + 5
    assert np.percentile(cystic["SUV"][liver], 2) < np.percentile(plain["SUV"][liver], 2)
