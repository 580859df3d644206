"""Volumes of 16 bits and packed labels say the same as what they were made from."""

import base64
import zlib

import numpy as np
import pytest

from nnunetv2_muduo.prompting.server.volumes import StoredVolume, packed_labels


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).gamma(1, 2, (5, 6, 7)).astype(np.float32),
        np.arange(-1024, 3071, dtype=np.int16).reshape(5, 9, 91),
        np.array([[[-1000.0, 30000.0]]], np.float32),
        np.full((2, 3, 4), 1.5, np.float32),
    ],
)
def test_values_come_back_within_half_a_step(values):
    volume = StoredVolume.of(values)
    assert volume.stored.dtype == np.dtype("<u2")
    assert volume.scale <= max(1, float(np.ptp(values)) / 65535)
    np.testing.assert_allclose(volume.offset + volume.scale * volume.stored, values, atol=0.51 * volume.scale, rtol=0)


def test_labels_are_packed_in_the_box_around_them():
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1:3, 2:6, 4], labels[4, 3, 7] = 3, 255
    packed = packed_labels(labels)
    assert (packed["start_zyx"], packed["shape_zyx"]) == ([1, 2, 4], [4, 4, 4])
    inside = np.frombuffer(zlib.decompress(base64.b64decode(packed["labels"])), np.uint8).reshape(4, 4, 4)
    np.testing.assert_array_equal(inside, labels[1:5, 2:6, 4:8])
