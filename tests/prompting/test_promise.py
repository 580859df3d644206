"""The promise of a click: on a session, and on masks at random against the rule said voxel by voxel."""

import numpy as np
import pytest
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, image_of, moved, session_on, voxels
from scipy import ndimage

from nnunetv2_muduo.prompting.promise import ADDED_MM, BALL_MM, obey

TOUCHING = ndimage.generate_binary_structure(3, 2)


def literal(mask, inside, outside, spacing_mm):
    """As the module says, with all components looked for anew at every click."""
    kept = mask.copy()
    for voxel in outside:
        if kept[tuple(voxel)]:
            component = ndimage.label(kept, TOUCHING)[0]
            mine = component == component[tuple(voxel)]
            held = any(mine[tuple(other)] for other in inside)
            kept[free_ball(mask.shape, voxel, inside, BALL_MM, spacing_mm) if held else mine] = False
    for voxel in inside:
        if not kept[tuple(voxel)]:
            kept[free_ball(mask.shape, voxel, outside, ADDED_MM, spacing_mm)] = True
    return kept


def free_ball(shape, voxel, others, most_mm, spacing_mm):
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    distances = np.linalg.norm((places - voxel) * spacing_mm, axis=-1)
    free = min([most_mm, *(0.49 * np.linalg.norm((other - voxel) * spacing_mm) for other in others)])
    return (distances <= free) | (distances == 0)


@pytest.mark.parametrize("seed", range(40))
def test_every_click_is_kept_by_the_rule(seed):
    rng = np.random.default_rng(seed)
    shape, spacing_mm = rng.integers(6, 20, 3), rng.uniform(1, 5, 3)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0.3, 2)) > rng.uniform(-0.02, 0.05)
    voxels = rng.permutation(np.unique(rng.integers(0, shape, (rng.integers(2, 25), 3)), axis=0))
    inside, outside = np.split(voxels, [rng.integers(0, len(voxels))])
    obeyed = obey(mask, inside, outside, spacing_mm)
    np.testing.assert_array_equal(obeyed.mask, literal(mask, inside, outside, spacing_mm))
    assert obeyed.n_changed == (obeyed.mask != mask).sum()
    assert obeyed.mask[tuple(inside.T)].all()
    assert not obeyed.mask[tuple(outside.T)].any()


def test_a_negative_click_takes_its_component_and_not_the_object(pet):
    session = session_on(pet, "threshold:2")
    session.add_mask(image_of(ball(LIVER_MM, 60) | ball(LUMP_MM, 30)))
    mask = voxels(session.add_point(LUMP_MM, positive=False))
    np.testing.assert_array_equal(mask, ball(LIVER_MM, 60))
    session.add_point(LIVER_MM)
    mask = voxels(session.add_point(moved(LIVER_MM, 30, 0, 0), positive=False))
    assert 0.9 < mask.sum() / ball(LIVER_MM, 60).sum() < 1
    assert session.changed_by_rule[1] == ((ball(LIVER_MM, 60) & ~mask).sum() + ball(LUMP_MM, 30).sum(), mask.sum())
