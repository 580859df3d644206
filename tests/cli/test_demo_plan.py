"""The demo's plan: as many iterations as fit into ten minutes on the machine, by a short measurement."""

import pytest

from nnunetv2_muduo.cli import demo_plan
from nnunetv2_muduo.cli.demo_plan import FEWEST_ITERATIONS, MOST_ITERATIONS, Speed, measure_speed, plan_demo

PROMISED_SECONDS = 600


@pytest.mark.parametrize(
    ("speed", "n_iterations"),
    [
        pytest.param(Speed(2.5, 0.04), MOST_ITERATIONS, id="fast"),
        pytest.param(Speed(6.0, 0.13), MOST_ITERATIONS, id="normal"),
        pytest.param(Speed(15.0, 0.32), range(20, 60), id="slow: two and a half times normal"),
        pytest.param(Speed(60.0, 1.5), FEWEST_ITERATIONS, id="hopeless: the fewest that show anything"),
    ],
)
def test_iterations_fit_the_machine(speed, n_iterations):
    planned = plan_demo(speed).n_iterations
    assert planned in n_iterations if isinstance(n_iterations, range) else planned == n_iterations


@pytest.mark.parametrize("slower", [1, 1.5, 2, 2.5])
def test_the_promise_is_kept_with_time_to_spare(slower):
    assert plan_demo(Speed(6.0 * slower, 0.13 * slower)).seconds <= 0.8 * PROMISED_SECONDS


def test_a_slower_machine_never_does_more():
    plans = [plan_demo(Speed(6 * slower, 0.13 * slower)).n_iterations for slower in (0.5, 1, 1.5, 2, 3, 5, 10)]
    assert plans == sorted(plans, reverse=True)


def test_the_time_is_told_of_what_is_done_and_not_of_what_would_fit():
    speed = Speed(100.0, 1.0)
    assert plan_demo(speed).seconds > PROMISED_SECONDS  # said, and not hidden, where even the fewest take longer
    assert plan_demo(Speed(1.0, 0.01)).seconds < 60


def test_the_slower_of_two_processes_counts(monkeypatch, tmp_path):
    """Each process takes the number that the other has not, and prints it after what nnU-Net may have to say."""
    script = (
        f"import json, os\nnumber = 1 if os.path.exists({str(tmp_path / 'first')!r}) else 0\n"
        f"try:\n    os.close(os.open({str(tmp_path / 'first')!r}, os.O_CREAT | os.O_EXCL))\n    number = 0\n"
        "except FileExistsError:\n    number = 1\n"
        "print('nnU-Net says something')\nprint(json.dumps([[5.0, 0.3], [7.0, 0.2]][number]))"
    )
    (tmp_path / "measurement.py").write_text(script)
    monkeypatch.setattr(demo_plan, "__name__", "measurement")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert measure_speed() == Speed(7.0, 0.3)


def test_a_machine_that_can_not_train(monkeypatch, tmp_path):
    (tmp_path / "measurement.py").write_text("raise ImportError('no torch')")
    monkeypatch.setattr(demo_plan, "__name__", "measurement")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="does not work here"):
        measure_speed()


def test_a_step_of_the_student():
    demo_plan._student_step()()
