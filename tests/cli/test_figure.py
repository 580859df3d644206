"""`muduo figure` on cases that are stored one way and another."""

import argparse
import json

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.pictures import ORGANS, SPACING_MM, drawn_case
from matplotlib.image import imread

from nnunetv2_muduo.cli import figure as figure_command


@pytest.fixture
def case():
    return drawn_case()


def write(path, array, flipped):
    """Store an array of LPS axes, in the same place, as it is or with all axes reversed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array[::-1, ::-1, ::-1] if flipped else array)
    image.SetSpacing(SPACING_MM[::-1])
    if flipped:
        image.SetDirection(np.diag([-1.0, -1, -1]).ravel())
        image.SetOrigin([(n - 1) * s for n, s in zip(array.shape[::-1], SPACING_MM[::-1], strict=True)])
    sitk.WriteImage(image, str(path))


def write_dataset(folder, case, flipped=False):
    for name, array in zip(("images/c_0000", "images/c_0001", "gt/c"), case, strict=True):
        write(folder / f"{name}.nii.gz", array, flipped)
    write(folder / "ours" / "c.nii.gz", np.roll(case[2], 2, axis=2), flipped)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, **ORGANS}}))


def run(folder, *arguments):
    parser = argparse.ArgumentParser()
    figure_command.add_arguments(parser)
    base = ["c", "--images", folder / "images", "-o", folder / "out"]
    return figure_command.run(parser.parse_args(list(map(str, [*base, *arguments]))))


def test_command_draws_the_same_figure_however_images_are_stored(case, tmp_path):
    for name, flipped in (("plain", False), ("flipped", True)):
        folder = tmp_path / name
        write_dataset(folder, case, flipped)
        assert run(folder, "--truth", folder / "gt", "--prediction", f"ours={folder / 'ours'}") == 0
    pictures = [imread(tmp_path / name / "out" / "c.png") for name in ("plain", "flipped")]
    np.testing.assert_array_equal(*pictures)
    assert "liver" in (tmp_path / "plain" / "out" / "c.svg").read_text()


def test_command_needs_something_to_draw(case, tmp_path):
    write_dataset(tmp_path, case)
    with pytest.raises(ValueError, match="--truth, --prediction"):
        run(tmp_path)


def test_command_names_missing_files(case, tmp_path):
    write_dataset(tmp_path, case)
    (tmp_path / "images" / "c_0001.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 file\(s\) of case c are missing: c_0001"):
        run(tmp_path, "--truth", tmp_path / "gt")


def test_command_refuses_other_grids(case, tmp_path):
    write_dataset(tmp_path, case)
    write(tmp_path / "gt" / "c.nii.gz", case[2][:, :, 1:], flipped=False)
    with pytest.raises(ValueError, match="different grids"):
        run(tmp_path, "--truth", tmp_path / "gt")
