"""The compared methods' steps: each takes turns with plain nnU-Net, and what is done already is not done again."""

import json

import pytest

from benchmarks.speed import methods, trainer_process
from nnunetv2_muduo import trainers


def test_every_method_is_a_trainer():
    assert all(hasattr(trainers, f"nnUNetTrainer{method}") for method in methods.METHODS)


@pytest.fixture
def asked(monkeypatch):
    """Kinds of trainers that took turns; the method's steps are twice as long as plain nnU-Net's, and it takes 1.5 times the
    memory."""
    asked = []

    def taking_turns(kinds, args, n_repeats):
        asked.append(kinds)
        plain, method = kinds
        steps = [{plain: {"step_s": seconds}, method: {"step_s": 2 * seconds}} for seconds in (7.0, 9.0)]
        return steps, {plain: 4.0, method: 6.0}

    monkeypatch.setattr(trainer_process, "taking_turns", taking_turns)
    return asked


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["methods", *map(str, arguments)])
    methods.main()


def test_each_method_takes_turns_with_plain_nnunet_alone(asked, monkeypatch, capsys):
    run(monkeypatch)
    assert asked == [("plain", f"nnUNetTrainer{method}") for method in methods.METHODS]
    expected = "2.00 times a step of plain nnU-Net (8.0 s), 1.50 times its memory (4.00 GB)"
    assert capsys.readouterr().out.count(expected) == len(methods.METHODS)


def test_goes_on_where_it_stopped(asked, monkeypatch, tmp_path):
    file = tmp_path / "figures.json"
    run(monkeypatch, "--json", file)
    figures = json.loads(file.read_text())
    assert set(figures) == set(methods.METHODS)
    del figures["CPS"]
    file.write_text(json.dumps(figures))
    asked.clear()
    run(monkeypatch, "--json", file)
    assert asked == [("plain", "nnUNetTrainerCPS")]
    assert set(json.loads(file.read_text())) == set(methods.METHODS)
