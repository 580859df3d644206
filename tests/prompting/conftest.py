"""Images for all tests of the click tool."""

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import LIVER_MM, LUMP_MM, ball, grid_mm, image_of


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """For all tests of this folder."""


@pytest.fixture(scope="session")
def pet():
    """A body with a warm liver and a hot lump."""
    body = (((grid_mm() - (5, 27, 250)) / (150, 110, 1000)) ** 2).sum(-1) <= 1
    suv = np.where(body, 0.5, 0.01) + 2.0 * ball(LIVER_MM, 60) + 6.0 * ball(LUMP_MM, 30)
    return image_of(suv + 0.02 * np.random.default_rng(0).standard_normal(suv.shape))


@pytest.fixture(scope="session")
def ct(pet):
    suv = sitk.GetArrayFromImage(pet)
    return image_of(np.where(suv > 0.2, 40.0, -1000.0) + 60 * ball(LIVER_MM, 60))
