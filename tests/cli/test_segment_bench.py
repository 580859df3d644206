"""`muduo segment-bench` on files, as a user calls it."""

import json

import numpy as np
import pandas as pd
import pytest
from fixtures.evaluation import write_image

from nnunetv2_muduo.cli import main

SHAPE = (20, 30, 30)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """For all tests of this file."""


def write(folder, name, array):
    write_image(folder / f"{name}.nii.gz", array, (5.0, 5.0, 6.0))


def ct_of(lesion, number):
    hu = np.random.default_rng(number).normal(-1000, 10, SHAPE)
    hu[3:, 3:27, 3:27] += 1040 + 30 * lesion[3:, 3:27, 3:27]
    return hu.astype(np.int16)


@pytest.fixture
def data(tmp_path):
    """Two cases with a lesion and one without, a hot organ in each, and official clicks."""
    for number, name in enumerate(("case one", "two", "free")):
        truth, organ = np.zeros((2, *SHAPE), bool)
        truth[6:11, 8 : 14 + number, 8:14], organ[12:17, 20:26, 20:26] = name != "free", True
        suv = 0.6 + 4.0 * truth + 7.0 * organ + 0.02 * np.random.default_rng(number).standard_normal(SHAPE)
        write(tmp_path / "images", f"{name}_0001", suv.astype(np.float32))
        write(tmp_path / "images", f"{name}_0000", ct_of(truth, number))
        write(tmp_path / "labels", name, truth.astype(np.uint8))
        clicks = {"tumor": [[10, 10, 8]] * (name != "free"), "background": [[22, 22, 14]]}
        (tmp_path / "clicks").mkdir(exist_ok=True)
        (tmp_path / "clicks" / f"{name}_clicks.json").write_text(json.dumps(clicks))
    return tmp_path


def bench(data, *words):
    return main(["segment-bench", str(data / "images"), str(data / "labels"), *words, "-o", str(data / "out")])


def test_teachers_side_by_side(data, capsys):
    assert bench(data, "--robot", "random", "--teacher", "small_pet", "t=threshold:0.41") == 0
    printed = capsys.readouterr().out
    assert "autoPET IV: 11 steps" in printed
    steps, sessions = (pd.read_csv(data / "out" / f"{name}.csv") for name in ("steps", "sessions"))
    assert len(steps) == 2 * 3 * 11
    assert steps["obeyed"].all()
    assert sessions["method"].tolist() == ["small_pet"] * 3 + ["t"] * 3
    free = sessions[sessions["case"] == "free"]
    assert free["dice_area"].isna().all()
    assert (free["false_positive_ml_area"] == 0).all()
    assert sessions[sessions["method"] == "t"]["dice_final"].dropna().gt(0.99).all()
    assert (data / "out" / "curves.png").stat().st_size > 10_000
    assert (data / "out" / "bench.md").read_text() in printed
    comparison = pd.read_csv(data / "out" / "comparison.csv")
    assert set(comparison["other"]) == {"t"}
    assert set(comparison["n"]) == {2, 3}  # Dice of the cases with a lesion, volumes of all


def test_official_clicks(data):
    assert bench(data, "--clicks", str(data / "clicks"), "--teacher", "threshold:2") == 0
    steps = pd.read_csv(data / "out" / "steps.csv")
    assert steps[steps["case"] == "free"]["n_prompts"].tolist() == [0, *[1] * 10]
    assert steps[steps["case"] == "two"]["dice"].iloc[1] == pytest.approx(1)
    assert not (data / "out" / "comparison.csv").exists()


@pytest.mark.parametrize("protocol", ["autopet5", "cvpr2025"])
def test_other_protocols_with_ct_beside_pet(data, protocol):
    assert bench(data, "--protocol", protocol, "--teacher", "small_pet+small_ct", "ct=small_ct") == 0
    steps = pd.read_csv(data / "out" / "steps.csv")
    assert set(steps["method"]) == {"small_pet+small_ct", "ct"}
    assert steps.groupby(["method", "case"]).size().eq(6).all()
    assert steps["obeyed"].all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "autopet5", "--clicks", "clicks"], "autoPET IV's"),
        (["--teacher", "small_pet", "small_pet"], "the name small_pet"),
        (["--teacher", "threshold:x"], "threshold:x is no threshold"),
        (["--teacher", "small_ct+small_pet"], "small_pet is for PET, not for CT"),
    ],
)
def test_mistakes_end_in_a_sentence(data, capsys, monkeypatch, words, message):
    monkeypatch.chdir(data)
    assert bench(data, *words) == 1
    assert message in capsys.readouterr().err
    assert not (data / "out").exists()


def test_a_case_without_clicks_is_named(data, capsys):
    (data / "clicks" / "two_clicks.json").unlink()
    assert bench(data, "--clicks", str(data / "clicks"), "--teacher", "threshold:2") == 1
    told = capsys.readouterr().err
    assert "two_clicks.json" in told
    assert "1 file(s)" in told


def test_choices_are_those_that_there_are():
    from nnunetv2_muduo.cli import segment_bench
    from nnunetv2_muduo.prompting.protocols import PROTOCOLS
    from nnunetv2_muduo.prompting.robot_scribbles import _STROKES
    from nnunetv2_muduo.teachers.robots import ROBOTS

    assert set(segment_bench.PROTOCOLS) == set(PROTOCOLS)
    assert set(segment_bench.ROBOTS) == set(ROBOTS) == set(_STROKES)
