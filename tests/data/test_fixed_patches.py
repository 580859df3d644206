import json

import numpy as np
import pytest

from nnunetv2_muduo.data.fixed_patches import fixed_patches


class Cases:
    """A data set of `shapes` by case whose first channel numbers its voxels from 1, and whose organs lie where told."""

    def __init__(self, folder, shapes: dict, organs: dict):
        self.source_folder = self.prompt_map_folder = folder
        self.identifiers = list(shapes)
        self.shapes, self.organs = shapes, organs
        for case in shapes:
            (folder / f"{case}.json").write_text(json.dumps({"direction": [1, 0, 0, 0, 1, 0, 0, 0, 1]}))

    def load_case(self, case):
        shape = self.shapes[case]
        numbers = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
        places = {label: np.reshape(at, (-1, 4)).astype(int) for label, at in self.organs.get(case, {}).items()}
        prompt_map = np.zeros((1, *shape), np.uint8)
        for label, at in places.items():
            prompt_map[tuple(at.T)] = label
        return np.stack([numbers] * 4), prompt_map, None, {"class_locations": places}


def corner(patch, shape) -> tuple:
    """Where in its case the first voxel of a patch lies."""
    return np.unravel_index(int(patch.views[0, 0, 0, 0]) - 1, shape)


def test_the_patch_lies_amid_the_organs_and_inside_the_image(tmp_path):
    shape = (20, 30, 40)
    amid = {1: [0, 10, 10, 10], 2: [[0, 14, 20, 19], [0, 14, 20, 21]]}  # centers (10, 10, 10) and (14, 20, 20)
    cases = Cases(tmp_path, {"a": shape, "b": shape}, {"a": amid, "b": {1: [0, 19, 0, 39], 2: []}})
    first, second = fixed_patches(cases, (8, 8, 8), 2)
    assert corner(first, shape) == (12 - 4, 15 - 4, 15 - 4)
    assert corner(second, shape) == (20 - 8, 0, 40 - 8)
    assert second.prompt_map[0, 7, 0, 7] == 1
    assert first.views.shape == (4, 8, 8, 8)
    again, _ = fixed_patches(cases, (8, 8, 8), 2)
    assert (again.views == first.views).all()


def test_a_small_case_is_padded_with_zeros(tmp_path):
    cases = Cases(tmp_path, {"a": (4, 6, 30)}, {"a": {1: [0, 2, 3, 15]}})
    (patch,) = fixed_patches(cases, (8, 8, 8), 1)
    assert (patch.views[:, 2:6, 1:7] > 0).all()
    assert int((patch.views[0] > 0).sum()) == 4 * 6 * 8
    assert patch.prompt_map[0, 4, 4, 4] == 1


def test_cases_without_organs_are_passed_over(tmp_path):
    names = [f"case_{i}" for i in range(6)]
    cases = Cases(tmp_path, dict.fromkeys(names, (9, 9, 9)), {case: {1: [0, 4, 4, 4]} for case in ("case_1", "case_5")})
    assert [patch.case for patch in fixed_patches(cases, (8, 8, 8), 2)] == ["case_1", "case_5"]
    assert [patch.case for patch in fixed_patches(cases, (8, 8, 8), 3)] == ["case_1", "case_5"]
    with pytest.raises(ValueError, match=r"No prompt map in .* holds an organ"):
        fixed_patches(Cases(tmp_path, dict.fromkeys(names, (9, 9, 9)), {}), (8, 8, 8), 2)
