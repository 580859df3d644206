"""A project in which every command has something to work on, in a path with blanks and letters of several languages."""

import ctypes
import json
import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from fixtures.cli_commands import CONVERTED
from fixtures.training_record import MadeUpTraining
from support import DATASET, set_nnunet_folders, untrained_model, write_config

from nnunetv2_muduo.phantom.cohort import write_cohort

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2  # what lets root read and write everything (linux/capability.h)
_CAPABILITY_VERSION_3 = 0x20080522


@pytest.fixture(scope="session")
def project_root(prepared_root, tmp_path_factory) -> Path:
    """Folder with everything that a command may be given; tests change nothing in it, or put it back."""
    root = tmp_path_factory.mktemp("projects") / "My Projects" / "Ärzte 数据"
    shutil.copytree(prepared_root, root)
    shutil.copytree(root / "raw" / DATASET / "labelsTr", root / "pred")
    shutil.copy(root / "raw" / DATASET / "dataset.json", root / "pred")
    write_cohort(root / "cohort", n_cases=1, seed=3, spacing_mm=12, n_processes=1)
    with pytest.MonkeyPatch.context() as patch:
        set_nnunet_folders(patch, root)
        write_config(patch, root)
        untrained_model()
        MadeUpTraining(root, n_epochs=2, panel_epochs=(0,))
    _write_single_files(root)
    return root


def _write_single_files(root: Path) -> None:
    """Files that are right, and wrong ones of every kind."""
    from nnunetv2_muduo.teachers.small import SMALL_CONFIG

    size = {**asdict(SMALL_CONFIG), "embed_dim": 48, "depth": 1, "n_heads": 2, "global_attention_blocks": [0]}
    (root / "size.json").write_text(json.dumps(size))
    (root / "clicks.json").write_text('{"tumor": [[12, 12, 17]], "background": [[1, 1, 1]]}')
    (root / "noisy.txt").write_text("labeled_0\n")
    (root / "a_file.txt").write_text("a file")
    (root / "broken.json").write_text('{"labels": ')
    (root / "list.json").write_text("[1, 2]")
    (root / "binary.json").write_bytes(b"\xff\xfe\x00\x81")
    (root / "locked.json").write_text("{}")
    for folder in ("folder", "locked", "readonly", "clicks"):
        (root / folder).mkdir()
    for labels in (root / "raw" / DATASET / "labelsTr").glob("*.nii.gz"):
        name = labels.name.removesuffix(".nii.gz")
        (root / "clicks" / f"{name}_clicks.json").write_text('{"tumor": [], "background": []}')


@pytest.fixture
def project(project_root, monkeypatch):
    """The project's folder, with nnU-Net's variables set."""
    set_nnunet_folders(monkeypatch, project_root)
    monkeypatch.setenv("nnUNet_muduo_config", str(project_root / "muduo.yaml"))
    yield project_root
    for made in ("new", CONVERTED):
        shutil.rmtree(project_root / made, ignore_errors=True)


@contextmanager
def locked(root: Path):
    """Make the project's `locked` and `readonly` what they are called, for root as well."""
    modes = {"locked": 0o000, "locked.json": 0o000, "readonly": 0o555}
    before = {name: (root / name).stat().st_mode for name in modes}
    for name, mode in modes.items():
        (root / name).chmod(mode)
    try:
        with _without_rights_of_root():
            yield
    finally:
        for name, mode in before.items():
            (root / name).chmod(mode)


@contextmanager
def _without_rights_of_root():
    if sys.platform != "linux":
        yield
        return
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, of capabilities 0 to 31 and 32 to 63
    assert libc.capget(header, sets) == 0
    effective = sets[0]
    sets[0] &= ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = effective
        assert libc.capset(header, sets) == 0


@pytest.fixture
def with_locks(project):
    with locked(project):
        yield project
