"""The study's data sets and tables, on cases and numbers made by hand."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.study import report
from benchmarks.study.datasets import draw_members, studies, unlabeled_truth, write_raw
from benchmarks.study.rows import CHOICES, ROWS, STUDY
from benchmarks.study.scale import SMALL, Setting
from nnunetv2_muduo import trainers
from nnunetv2_muduo.config import MuDuoConfig

N_PATIENTS = 90


@pytest.fixture
def cohort(tmp_path):
    for patient in range(N_PATIENTS):
        for study in range(1 + patient % 2):
            folder = tmp_path / "cohort" / f"patient_{patient:02d}" / f"study_{study}"
            folder.mkdir(parents=True)
            for file in ("CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz"):
                (folder / file).write_text(f"{patient} {study} {file}")
    (tmp_path / "cohort" / "labels.json").write_text(json.dumps({"background": 0, "liver": 1}))
    return tmp_path / "cohort"


def members(cohort, n_labeled, seed):
    return draw_members(studies(cohort), Setting(cohort, SMALL, n_labeled, seed))


def test_a_patient_stands_in_one_set_with_one_study(cohort):
    drawn = [study.parent for cases in members(cohort, 5, 0).values() for study in cases.values()]
    assert len(drawn) == len(set(drawn)) == SMALL.n_test + SMALL.n_val + SMALL.n_train


def test_test_cases_stay_and_labeled_ones_are_nested(cohort):
    few, many, other = members(cohort, 5, 0), members(cohort, 10, 0), members(cohort, 5, 1)
    assert few["test"] == many["test"] == other["test"]
    assert len(few["test"]) == SMALL.n_test
    assert few["train"].items() < many["train"].items()
    assert few["train"] != other["train"]
    assert few["train"].keys() | few["unlabeled"].keys() == other["train"].keys() | other["unlabeled"].keys()


def test_no_label_file_of_an_unlabeled_case_is_in_the_data_set(cohort, tmp_path):
    setting = Setting(tmp_path / "work", SMALL, 5, 0)
    write_raw(setting, cohort)
    drawn = members(cohort, 5, 0)
    labeled = {path.name.removesuffix(".nii.gz") for path in (setting.raw / "labelsTr").iterdir()}
    assert labeled == drawn["train"].keys() | drawn["val"].keys()
    everywhere = {path.read_text() for path in setting.raw.rglob("*.nii.gz")}
    hidden = {path.read_text() for path in unlabeled_truth(setting, cohort).values()}
    assert len(hidden) == SMALL.n_train - 5
    assert not hidden & everywhere
    for case, study in drawn["unlabeled"].items():
        assert (setting.raw / "imagesUn" / f"{case}_0001.nii.gz").samefile(study / "SUV.nii.gz")


def test_rows_name_trainers_and_config_fields():
    assert len(STUDY) == 8
    assert ROWS.keys() == {row.name for row in (*STUDY, *CHOICES)}
    for row in ROWS.values():
        assert hasattr(trainers, row.trainer)
        MuDuoConfig(**row.overrides)


def measured(method, seed, case, organ, dice, missed=False):
    nothing = {"ravd": 0.1, "asd_mm": 2.0, "hd95_mm": 5.0, "volume_truth_ml": 10.0}
    keys = {"n_labeled": 5, "method": method, "seed": seed, "case": case, "organ": organ}
    return {**keys, "dice": dice, "missed": missed, **nothing}


@pytest.fixture
def measures():
    rows = []
    for seed in (0, 1):
        for case in ("a", "b", "c"):
            rows += [measured("muduo", seed, case, organ, 0.8 + 0.1 * seed) for organ in ("liver", "brain")]
            rows += [measured("supervised", seed, case, "liver", 0.7), measured("supervised", seed, case, "brain", 0.5)]
    return pd.DataFrame(rows)


def test_results_are_means_over_organs_with_the_spread_of_seeds(measures):
    table = report.results_table(measures).set_index("row")["Dice (%)"]
    assert (
        table["MuDuo: both teachers, best half, 3 points"] == "85.0 ± 7.1"
    )  # 80 and 90: standard deviation 10 / sqrt 2
    assert table["supervised, PET/CT"] == "60.0 ± 0.0"


def test_differences_are_paired_by_seed_and_case(measures):
    (line,) = report.differences_table(measures).to_dict("records")
    assert (line["difference"], line["± over seeds"], line["n"]) == ("+25.0", "7.1", 3)
    assert line["p (Holm)"] == "0.25"  # Wilcoxon: all of three cases' differences of one sign, 2 / 2^3


def test_quality_tells_kept_from_rejected_pairs_over_all_batches_of_two():
    keys = {"method": "muduo", "n_labeled": 5, "seed": 0, "epoch": 2}
    pairs = [("liver", 0.1, 0.2), ("liver", 0.3, 0.9), ("liver", 0.2, 0.4), ("heart", 0.5, 0.8), ("heart", 0.4, 0.5)]
    pairs += [("brain", 0.9, 0.1)]  # in one patch alone: nothing to choose from
    dices = [{q: dice for q in report.QUALITIES} for _, _, dice in pairs]
    rows = [{**keys, "organ": organ, "agreement": a, **d} for (organ, a, _), d in zip(pairs, dices, strict=True)]
    rows[1]["dice_pet"] = float("nan")  # neither teacher nor truth have it: no figure of this pair
    table = report.quality_table(pd.DataFrame(rows)).set_index("pairs")
    batches = [(0.4, 0.2), (0.9, 0.2), (0.9, 0.4)]  # of the liver: (kept, rejected)
    kept, rejected = (sum(batch) / 3 for batch in zip(*batches, strict=True))
    assert table.loc["kept", "ct"] == pytest.approx(100 * (kept + 0.8) / 2, abs=0.05)
    assert table.loc["rejected", "ct"] == pytest.approx(100 * (rejected + 0.5) / 2, abs=0.05)
    assert table.loc["kept", "pet"] == pytest.approx(100 * (0.4 + 0.8) / 2, abs=0.05)


def test_what_was_asked_for_is_written(measures, tmp_path):
    settings = [Setting(tmp_path / "work", SMALL, 5, seed) for seed in (0, 1, 2)]  # nothing of the last is finished
    other_row, other_setting = measures.assign(method="mse_3"), measures.assign(n_labeled=10)
    tables = pd.concat([measures, other_row, other_setting]).groupby(["n_labeled", "seed", "method"])
    for (n_labeled, seed, method), rows in tables:
        path = Setting(tmp_path / "work", SMALL, n_labeled, seed).result_file(method)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False)
    text = report.write(settings, STUDY, tmp_path / "out", "# Study")
    assert "85.0 ± 7.1" in text
    assert (tmp_path / "out" / "summary.md").read_text() == text
    written = pd.read_csv(tmp_path / "out" / "measures.csv.gz")
    assert set(written["method"]) == {"muduo", "supervised"}
    assert set(written["n_labeled"]) == {5}
    pd.testing.assert_frame_equal(report.results_table(written), report.results_table(measures))
    assert {path.name for path in Path(tmp_path / "out").iterdir()} == {
        "summary.md",
        "measures.csv.gz",
        "per_seed.csv",
        "dice_against_labels.png",
    }
