"""Experiments name what there is: trainers and config fields."""

from benchmarks.study.experiments import CHOICES, EXPERIMENTS, STUDY
from nnunetv2_muduo import trainers
from nnunetv2_muduo.config import MuDuoConfig


def test_experiments_name_trainers_and_config_fields():
    assert len(STUDY) == 9
    assert EXPERIMENTS.keys() == {one.name for one in (*STUDY, *CHOICES)}
    for experiment in EXPERIMENTS.values():
        assert hasattr(trainers, experiment.trainer)
        MuDuoConfig(**experiment.overrides)
