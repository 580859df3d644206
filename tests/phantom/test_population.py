import itertools
from dataclasses import replace

from nnunetv2_muduo.phantom.cohort import iterate_cases
from nnunetv2_muduo.phantom.population import ADULTS


def test_a_population_sets_what_is_drawn():
    population = replace(ADULTS, contrast_fraction=0.0, arms_down_fraction=1.0, lesion_fraction=0.0, bmi=(21, 22))
    cases = list(itertools.islice(iterate_cases(0, population), 12))
    assert all(case.study.contrast == 0 and case.study.arms_down for case in cases)
    assert not any(case.patient.has_lesions for case in cases)
    assert all(21 <= case.patient.bmi <= 22 for case in cases)
