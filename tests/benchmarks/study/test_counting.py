"""Costs of trainings, against the count of `muduo check`."""

import pytest
import torch

from benchmarks.study.counting import generator_costs
from benchmarks.study.rows import BY_NAME
from benchmarks.study.starts import config_in_place, make_trainer
from nnunetv2_muduo.check.estimates import count_batch

CPU = torch.device("cpu")
WITHOUT_COARSEST = 1e-3
"""Share of a step that the backward pass of the coarsest output is: nnU-Net leaves it out of its loss, the estimate does not."""


def trained(split, name):
    row = BY_NAME[name]
    with config_in_place(split, row):
        trainer = make_trainer(split, row, CPU, "rows")
        trainer.run_training()
    return trainer


def test_a_supervised_training_is_counted_as_muduo_check_counts_it(split):
    trainer = trained(split, "supervised")
    step = count_batch(trainer.configuration_manager.configuration, 2, 3).step_flops
    assert trainer.costs()["steps"] == 4
    assert trainer.costs()["tflop"] == pytest.approx(4 * step / 1e12, rel=WITHOUT_COARSEST)


def test_mean_teacher_costs_another_half_and_the_averages_answer(split):
    trainer = trained(split, "mean_teacher")
    count = count_batch(trainer.configuration_manager.configuration, 2, 3)
    assert trainer.costs()["tflop"] == pytest.approx(
        4 * (2 * count.step_flops + count.forward_flops) / 1e12, rel=WITHOUT_COARSEST
    )


def test_a_generator_costs_its_schedule(split):
    row = BY_NAME["map_as_label"]
    with config_in_place(split, row):
        trainer = make_trainer(split, row, CPU, "rows")
        trainer.initialize()
        costs = generator_costs(trainer)
    step = count_batch(trainer.configuration_manager.configuration, 1, 3).step_flops
    assert costs["steps"] == 3 * 2  # epochs of shared and own training, iterations of each
    assert costs["tflop"] == pytest.approx(6 * step / 1e12)
