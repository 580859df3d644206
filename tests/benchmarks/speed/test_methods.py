"""The table of the compared methods' steps names trainers that exist, and states ratios."""

import pytest

from benchmarks.speed.methods import KINDS, rows_of
from nnunetv2_muduo import trainers


def test_every_kind_is_plain_or_a_trainer():
    assert KINDS[0] == "plain"
    assert all(hasattr(trainers, kind) for kind in KINDS[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_has_both_ratios_and_what_they_rest_on(kind):
    figures = {
        "step_s": {kind: [7.0, 9.0]},
        "step_ratio_to_plain": {kind: 1.98},
        "memory_ratio_to_plain": {kind: 1.11},
        "peak_gb": {kind: 5.5},
    }
    assert rows_of(figures) == [(kind, "1.98 times a step of plain nnU-Net (8.0 s), 1.11 times its memory (5.50 GB)")]
