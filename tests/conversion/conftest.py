import pytest
from fixtures.conversion import GOOD


@pytest.fixture
def source(tmp_path, petct):
    """A folder of good studies, to which tests add bad ones."""
    for number, name in enumerate(GOOD):
        petct.write_study(tmp_path / "src" / name, petct.random_study(number))
    return tmp_path / "src"
