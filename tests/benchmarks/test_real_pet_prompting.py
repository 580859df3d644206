"""Five folds of real PETs: who is in which, how long is trained, what is measured on which clicks."""

import numpy as np
import pytest
from fixtures.evaluation import write_image

from benchmarks import real_pet_prompting as benchmark
from nnunetv2_muduo.storage import read_json, write_json

SHAPE = (24, 28, 28)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """For all tests of this file."""


@pytest.fixture
def patients(tmp_path):
    """Ten patients with a hot sphere each."""
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    for number in range(10):
        tumor = np.linalg.norm((places - (12, 13, 14)) * 5, axis=-1) < 25 + 2 * number
        suv = 0.7 + 4 * tumor + 0.05 * np.random.default_rng(number).standard_normal(SHAPE)
        folder = tmp_path / "sts" / f"STS_{number:03d}"
        for name, array in (("SUV", suv.astype(np.float32)), ("SEG", tumor.astype(np.uint8))):
            write_image(folder / f"{name}.nii.gz", array, (5.0, 5.0, 5.0))
    return tmp_path


def test_every_patient_is_in_one_fold(patients):
    folders = sorted((patients / "sts").iterdir())
    drawn = benchmark.folds(folders)
    assert sorted(folder for fold in drawn for folder in fold) == folders
    assert {len(fold) for fold in drawn} == {2}
    assert benchmark.folds(folders) == drawn


def test_a_fold_is_trained_measured_and_kept(patients, monkeypatch, capsys):
    out, work = patients / "results", patients / "work"
    words = [str(patients / "sts"), "--minutes", "0.02", "--work", str(work), "--folds", "1", "-o", str(out)]
    monkeypatch.setattr("sys.argv", ["real_pet_prompting", *words])
    seen = []
    train = benchmark.train
    monkeypatch.setattr(benchmark, "train", lambda folders, *rest: seen.append(folders) or train(folders, *rest))
    benchmark.main()
    (learned_from,) = seen
    cases = read_json(out / "fold_1.json")["cases"]
    assert len(learned_from) == 8
    assert not {folder.name for folder in learned_from} & cases.keys()
    for of_case in cases.values():
        assert all(found["obeyed"] for found in of_case.values())
        assert of_case["threshold:0.5"]["dice"][0] > 0.99
        assert of_case[benchmark.BEST_AFTERWARDS]["dice"][0] >= of_case["threshold:0.5"]["dice"][0]
    assert "2 real PETs, 1 of 5 folds" in (out / "summary.md").read_text()
    benchmark.main()
    assert len(seen) == 1  # it is there
    monkeypatch.setattr("sys.argv", ["real_pet_prompting", *words, "--lr", "1e-4"])
    benchmark.main()
    assert len(seen) == 2  # another training
    assert "fold 1" in capsys.readouterr().out


def test_thresholds_get_the_clicks_of_the_teacher(patients):
    folder = patients / "sts" / "STS_000"
    found, clicks = benchmark.clicked(folder, benchmark.promptable("small_pet"), benchmark.single_clicks("center", 0))
    again, same = benchmark.clicked(folder, benchmark.promptable("threshold:4"), benchmark.replayed(clicks))
    assert len(again["dice"]) == len(found["dice"]) == 5
    for ours, theirs in zip(clicks, same, strict=True):
        np.testing.assert_array_equal(ours.places_mm, theirs.places_mm)
    np.testing.assert_allclose(clicks[0].places_mm, [[14 * 5, 13 * 5, 12 * 5]])  # the tumor's deepest voxel


def test_a_summary_is_the_mean_over_all_cases(tmp_path):
    for number, dice in enumerate((0.5, 0.7)):
        found = {"dice": [dice + click / 100 for click in range(1, 6)], "obeyed": True}
        write_json({"cases": {f"case_{number}": {"x": found}}}, tmp_path / f"fold_{number}.json")
    assert "0.610 ± 0.100 |  0.630 ± 0.100 |  0.650 ± 0.100 |          100.0%" in benchmark.write_summary(tmp_path)


def test_settings_are_the_packages_around_another_size():
    settings = benchmark.settings_of(6.0, 1e-4)
    assert settings.spacing_mm == pytest.approx((5.4, 6.6))
    assert (settings.modality, settings.lr, settings.keep_clicks) == ("pet", 1e-4, True)
