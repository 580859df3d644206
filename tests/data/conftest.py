import shutil

import pytest
from support import DATASET


@pytest.fixture
def raw(tiny_dataset, tmp_path):
    """A copy of the tiny raw data set that a test may change. Returns its folder."""
    return shutil.copytree(tiny_dataset / "raw" / DATASET, tmp_path / "raw")
