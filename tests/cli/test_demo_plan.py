"""The demo's plan: as many iterations as fit into ten minutes on the machine, by a short measurement."""

import pytest

from nnunetv2_muduo.cli import demo_plan, demo_steps
from nnunetv2_muduo.cli.demo_plan import (
    FEWEST_ITERATIONS,
    MOST_ITERATIONS,
    Speed,
    measure_speed,
    plan_demo,
    student_step,
)
from nnunetv2_muduo.cli.demo_steps import FORKED

PROMISED_SECONDS = 600


NORMAL = Speed(6.0, 0.13, 0.08, 2)  # two cores of a server


def slowed(factor):
    return Speed(factor * 6.0, factor * 0.13, factor * 0.08, 2)


@pytest.mark.parametrize(
    ("speed", "n_iterations"),
    [
        pytest.param(slowed(0.4), [MOST_ITERATIONS], id="fast"),
        pytest.param(NORMAL, [MOST_ITERATIONS], id="normal"),
        pytest.param(slowed(2.5), range(25, 60), id="slow: two and a half times normal"),
        pytest.param(Speed(15.0, 0.32, 0.32, 1), range(FEWEST_ITERATIONS, 45), id="slow, and threads of no use"),
        pytest.param(slowed(10), [FEWEST_ITERATIONS], id="hopeless: the fewest that show anything"),
    ],
)
def test_iterations_fit_the_machine(speed, n_iterations):
    assert plan_demo(speed).n_iterations in n_iterations


@pytest.mark.parametrize("factor", [0.5, 1, 1.5, 2, 2.5])
def test_the_promise_is_kept_with_time_to_spare(factor):
    assert plan_demo(slowed(factor)).seconds <= 0.8 * PROMISED_SECONDS


def test_a_slower_machine_never_does_more():
    plans = [plan_demo(slowed(factor)).n_iterations for factor in (0.5, 1, 1.5, 2, 3, 5, 10)]
    assert plans == sorted(plans, reverse=True)


def test_the_time_is_told_of_what_is_done_and_not_of_what_would_fit():
    assert plan_demo(slowed(10)).seconds > PROMISED_SECONDS  # said, and not hidden, where even the fewest take longer
    assert plan_demo(slowed(0.1)).seconds < 60


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Replace what is measured: seconds of a step by number of threads, those of the first process a tenth longer."""

    def replace(seconds_by_threads):
        def measure(threads, queue):
            try:
                (tmp_path / f"first with {threads}").touch(exist_ok=False)
                queue.put(1.1 * seconds_by_threads[threads])
            except FileExistsError:
                queue.put(seconds_by_threads[threads])

        monkeypatch.setattr(demo_plan, "_measure_steps", measure)
        monkeypatch.setattr(demo_plan, "_import_seconds", lambda: 7.0)
        monkeypatch.setattr(demo_steps, "n_cores", lambda: 2)

    return replace


needs_fork = pytest.mark.skipif(not FORKED, reason="what is measured is replaced")


@needs_fork
def test_the_slower_of_two_processes_counts_and_all_threads_for_one(measured):
    measured({1: 1.0, 2: 0.5})
    assert measure_speed() == Speed(7.0, 1.1, 0.55, 2)


@needs_fork
def test_threads_that_do_no_more_together_are_left_out(measured):
    measured({1: 1.0, 2: 3.0})
    assert measure_speed() == Speed(7.0, 1.1, 1.1, 1)


@needs_fork
def test_a_machine_that_can_not_train(monkeypatch):
    def fail(threads, queue):
        raise ImportError("no torch")

    monkeypatch.setattr(demo_plan, "_measure_steps", fail)
    monkeypatch.setattr(demo_plan, "_import_seconds", lambda: 7.0)
    with pytest.raises(RuntimeError, match="a step of training failed"):
        measure_speed()


def test_a_step_of_the_student():
    student_step()()
