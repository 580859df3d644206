"""What hides nnU-Net, told from folders on sys.path; real installations are in tests/site_packages."""

import sys
from pathlib import Path

import pytest

from nnunetv2_muduo.nnunet_place import what_is_wrong


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The only folder of packages that Python has now."""
    monkeypatch.delitem(sys.modules, "nnunetv2", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def add_record(site: Path, name: str) -> None:
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "RECORD").write_text("nnunetv2/training/own.py,,\n")


def test_nothing_is_wrong_with_a_package(site):
    (site / "nnunetv2").mkdir()
    (site / "nnunetv2" / "__init__.py").touch()
    assert what_is_wrong() == ""


def test_no_nnunet_at_all(site):
    assert f"{sys.executable} -m pip install nnunetv2" in what_is_wrong()


@pytest.mark.parametrize(
    ("owners", "cure"),
    [
        ([], "No installed package owns it: remove the folder"),
        (["nnunetv2_muduo"], "pip uninstall nnunetv2_muduo, then install this version"),
        (["others"], "It belongs to others: pip uninstall others."),
        (["nnunetv2_muduo", "others"], "pip uninstall nnunetv2_muduo others."),
    ],
)
def test_a_folder_without_init_and_whose_it_is(site, owners, cure):
    (site / "nnunetv2" / "training").mkdir(parents=True)
    (site / "nnunetv2" / "training" / "own.py").touch()
    for name in owners:
        add_record(site, name)
    assert f"{site / 'nnunetv2'} has no __init__.py and hides nnU-Net" in what_is_wrong()
    assert cure in what_is_wrong()


def test_several_folders_are_all_named(site, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    monkeypatch.setattr(sys, "path", [str(site), str(other)])
    for folder in (site, other):
        (folder / "nnunetv2").mkdir()
    assert f"{site / 'nnunetv2'} and {other / 'nnunetv2'}" in what_is_wrong()
