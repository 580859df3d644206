from dataclasses import replace

import pytest
from fixtures.teacher_training import QUICK


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "mr"}, "'mr'"),
        ({"spacing_mm": (3, 2)}, "rising range"),
        ({"n_rounds": 0}, "n_rounds must be at least 1"),
        ({"max_clicks": 0}, "max_clicks must be at least 1"),
        ({"robots": ("careless",)}, "robots must be some of"),
        ({"robots": ()}, "robots must be some of"),
        ({"absent_fraction": 1.5}, "absent_fraction must be at least 0 and at most 1.0"),
        ({"n_rounds": 10**7}, "n_rounds must be at least 1 and at most 1,000,000"),
        ({"batch_size": 10**12}, "batch_size must be"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"lr": float("nan")}, "lr must be above 0 and at most 1"),
        ({"lr": float("inf")}, "lr must be"),
        ({"decoder_lr": 0.0}, "decoder_lr must be"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0 and at most 1"),
        ({"spacing_mm": (float("nan"), 1.5)}, "rising range"),
        ({"spacing_mm": (1.5, float("inf"))}, "at most 100"),
        ({"spacing_mm": (1500, 1500)}, "at most 100"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **change)
