from dataclasses import replace

import pytest
from fixtures.teacher_training import QUICK


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "mr"}, "'mr'"),
        ({"spacing_mm": (3, 2)}, "rising range"),
        ({"n_rounds": 0}, "n_rounds must be at least 1"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **change)
