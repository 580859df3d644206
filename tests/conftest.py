"""A tiny real PET/CT data set, planned and preprocessed by nnU-Net itself, and one prepared for training: once a session."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for support.py
sys.path.append(str(Path(__file__).parents[1]))  # for benchmarks; last, so that an installed package is the one tested

from support import (
    DATASET,
    plan_and_preprocess,
    prepare_tiny,
    set_nnunet_folders,
    use_threads,
    write_config,
    write_raw_dataset,
)

pytest_plugins = [
    "fixtures.browser",
    "fixtures.check",
    "fixtures.conversion",
    "fixtures.evaluation",
    "fixtures.hub",
    "fixtures.phantom",
    "fixtures.teacher_training",
    "fixtures.teachers",
    "fixtures.training_record",
]


def pytest_make_parametrize_id(val):
    """A file's content gives no name to a test: processes that share the tests must agree on it, and gzip writes the time."""
    return "content" if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _threads_for_worker_processes(monkeypatch, request):
    if "slow" not in request.keywords:
        use_threads(monkeypatch)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """Folder with raw, pre(processed) and res(ults) of the tiny data set."""
    root = tmp_path_factory.mktemp("nnunet")
    with pytest.MonkeyPatch.context() as patch:
        set_nnunet_folders(patch, root)
        use_threads(patch)
        write_raw_dataset(root / "raw" / DATASET)
        plan_and_preprocess(1)
    return root


@pytest.fixture(scope="session")
def prepared_root(tiny_root, tmp_path_factory):
    """Copy of the tiny data set with unlabeled cases, prompt generator and prompt maps of fold 0."""
    root = tmp_path_factory.mktemp("prepared") / "nnunet"
    shutil.copytree(tiny_root, root)
    with pytest.MonkeyPatch.context() as patch:
        set_nnunet_folders(patch, root)
        write_config(patch, root)
        prepare_tiny()
    return root


@pytest.fixture
def tiny_dataset(tiny_root, tmp_path, monkeypatch):
    """The tiny data set with a config of small teachers and few iterations, to read from. Returns its root folder."""
    set_nnunet_folders(monkeypatch, tiny_root)
    write_config(monkeypatch, tmp_path)
    return tiny_root


@pytest.fixture
def tiny_dataset_copy(tiny_root, tmp_path, monkeypatch):
    """A copy of the tiny data set of the test's own, with nothing prepared. Returns its root folder."""
    root = shutil.copytree(tiny_root, tmp_path / "root")
    set_nnunet_folders(monkeypatch, root)
    write_config(monkeypatch, tmp_path)
    return root


@pytest.fixture
def prepared_dataset(prepared_root, tmp_path, monkeypatch):
    """A copy of the prepared data set of the test's own. Returns its root folder."""
    root = shutil.copytree(prepared_root, tmp_path / "nnunet")
    set_nnunet_folders(monkeypatch, root)
    write_config(monkeypatch, tmp_path)
    return root
