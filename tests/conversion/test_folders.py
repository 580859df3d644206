"""Folders of a source: each once, under its own name, however links lead."""

from pathlib import Path

import pytest

from nnunetv2_muduo.conversion.folders import walk


@pytest.fixture
def source(tmp_path):
    """patient/study/SUV.nii.gz, and another disk with other/study/SUV.nii.gz."""
    for file in ("source/patient/study/SUV.nii.gz", "disk/other/study/SUV.nii.gz"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    return tmp_path / "source"


def found(source: Path) -> list[str]:
    return [str(path.relative_to(source)) for _, files in walk(source) for path in files]


@pytest.mark.parametrize("target", ["source", ".", "source/patient", "source/patient/study"])
@pytest.mark.parametrize("place", ["a", "z", "patient/a", "patient/study/a"])
def test_a_link_within_the_source_adds_nothing(source, tmp_path, target, place):
    (source / place).symlink_to(tmp_path / target, target_is_directory=True)
    assert found(source) == ["patient/study/SUV.nii.gz"]


def test_a_link_out_of_the_source_is_followed_once(source, tmp_path):
    (source / "more").symlink_to(tmp_path / "disk/other", target_is_directory=True)
    (source / "again").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert found(source) == ["again/other/study/SUV.nii.gz", "patient/study/SUV.nii.gz"]


def test_the_source_may_be_a_link(source, tmp_path):
    (tmp_path / "link").symlink_to(source, target_is_directory=True)
    assert found(tmp_path / "link") == ["patient/study/SUV.nii.gz"]


def test_what_macos_leaves_is_passed_over(source):
    (source / "__MACOSX/patient").mkdir(parents=True)
    for name in ("._SUV.nii.gz", ".DS_Store", "patient/._study", "__MACOSX/patient/._SUV.nii.gz", "__MACOSX/CT.nii.gz"):
        (source / name).touch()
    assert found(source) == ["patient/study/SUV.nii.gz"]
