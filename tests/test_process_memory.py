"""Memory at its peak, which begins anew."""

import sys

import numpy as np
import pytest

from nnunetv2_muduo.process_memory import peak_mb, resident_mb, restart_peak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells")


def test_a_peak_is_seen_and_forgotten():
    restart_peak()
    before = peak_mb()
    np.ones(30 * 2**20).sum()  # 240 MB
    assert 200 < peak_mb() - before < 300
    restart_peak()
    assert peak_mb() - before < 100
    assert resident_mb() <= peak_mb()
