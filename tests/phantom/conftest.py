"""One small cohort for all tests of the phantom, in memory and on disk."""

import itertools

import pytest

from nnunetv2_muduo.phantom.cohort import iterate_cases, render_case, write_cohort


@pytest.fixture(scope="session")
def cases():
    """Seven studies: six patients, the second with two or three studies."""
    return list(itertools.islice(iterate_cases(seed=0), 7))


@pytest.fixture(scope="session")
def rendered(cases):
    """CTres, SUV and SEG of each of the cases at 8 mm."""
    return [render_case(case, spacing_mm=8.0) for case in cases]


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """(folder, studies) of a cohort of four at 12 mm, written in this process."""
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    return folder, write_cohort(folder, n_cases=4, seed=3, spacing_mm=12, n_processes=1)
