"""The study's data sets and tables, on cases and numbers made by hand."""

import json
import subprocess
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest

from benchmarks.study import label_efficiency, report
from benchmarks.study.datasets import draw_members, studies, unlabeled_truth, write_raw
from benchmarks.study.rows import CHOICES, ROWS, STUDY
from benchmarks.study.scale import SMALL, Scale, Setting
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
    assert len(STUDY) == 9
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


def pair(patch, organ, agreement, dice, there=True):
    keys = {"method": "muduo", "n_labeled": 5, "seed": 0, "epoch": 2, "n_patches": 4}
    values = dict.fromkeys(report.QUALITIES, dice)
    return {**keys, "patch": patch, "organ": organ, "agreement": agreement, "there": there, **values}


def by_going_through_all_batches(rows, column):
    """Dice of kept, rejected and lone pairs by organ, from every batch of two of four patches."""
    found = {"kept": {}, "rejected": {}, "alone": {}}
    for batch in combinations(range(4), 2):
        for organ in {row["organ"] for row in rows}:
            pairs = sorted(
                (r for r in rows if r["patch"] in batch and r["organ"] == organ), key=lambda r: r["agreement"]
            )
            for name, one in zip(("rejected", "kept") if len(pairs) == 2 else ("alone",), pairs, strict=False):
                found[name].setdefault(organ, []).append(one[column])
    return found


def test_quality_tells_kept_from_rejected_and_lone_pairs_over_all_batches_of_two():
    rows = [pair(0, "liver", 0.1, 0.2), pair(1, "liver", 0.3, 0.9), pair(3, "liver", 0.2, 0.4)]
    rows += [pair(1, "heart", 0.5, 0.8), pair(2, "heart", 0.4, 0.5)]
    rows += [pair(0, "brain", 0.9, 0.0, there=False)]  # in one patch: never chosen, compared with nothing
    table = report.quality_table(pd.DataFrame(rows)).set_index("pairs")
    found = by_going_through_all_batches(rows, "dice_ct")
    n_pairs = sum(len(dices) for of_organ in found.values() for dices in of_organ.values())
    assert list(table.index) == ["kept", "rejected", "alone"]
    for name, of_organ in found.items():
        expected = mean([mean(of_organ["liver"]), mean(of_organ["heart"])])
        assert table.loc[name, "ct"] == pytest.approx(100 * expected, abs=0.05)
        n = sum(map(len, of_organ.values()))
        assert table.loc[name, "share (%)"] == pytest.approx(100 * n / n_pairs, abs=0.05)
    n_alone = sum(map(len, found["alone"].values()))
    assert table.loc["alone", "absent (%)"] == pytest.approx(100 * 3 / n_alone, abs=0.05)
    assert table.loc["kept", "absent (%)"] == 0


def test_an_organ_without_figures_on_one_side_counts_on_neither():
    rows = [
        pair(0, "liver", 0.1, 0.2),
        pair(1, "liver", 0.3, 0.9),
        pair(0, "heart", 0.5, 0.8),
        pair(1, "heart", 0.4, 0.5),
    ]
    rows[0]["dice_pet"] = float("nan")  # neither teacher nor truth have it: the liver's only rejected pair
    table = report.quality_table(pd.DataFrame(rows)).set_index("pairs")
    assert (table.loc["kept", "pet"], table.loc["rejected", "pet"]) == (80, 50)
    assert (table.loc["kept", "ct"], table.loc["rejected", "ct"]) == (85, 35)


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


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A call of the command whose rows write a table instead of training; it returns (seed, row) of what was begun."""
    begun = []

    def make_dataset(setting, _):
        if setting.seed == 1:
            raise subprocess.CalledProcessError(1, "nnUNetv2_plan_and_preprocess")

    def train(command, env, **_):
        arguments = json.loads(command[-1])
        begun.append((arguments["seed"], arguments["row"], env.get("nnUNet_n_proc_DA")))
        setting = Setting(Path(arguments["folder"]), Scale(**arguments["scale"]), 5, arguments["seed"])
        path = setting.result_file(arguments["row"])
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame([measured(arguments["row"], arguments["seed"], "a", "liver", 0.7)]).to_csv(path, index=False)
        return subprocess.CompletedProcess(command, 0)

    def call(*options):
        options = (tmp_path / "work", "--out", tmp_path / "out", "--labeled", "5", *options)
        monkeypatch.setattr("sys.argv", ["label_efficiency", *map(str, options)])
        return label_efficiency.main()

    monkeypatch.setattr(label_efficiency, "make_dataset", make_dataset)
    monkeypatch.setattr(label_efficiency, "make_cohort", lambda args, _: args.folder)
    monkeypatch.setattr(label_efficiency, "studies", lambda _: [])
    monkeypatch.setattr(label_efficiency.subprocess, "run", train)
    return call, begun


def test_a_setting_that_fails_stops_no_other_and_rows_are_not_trained_twice(study, capsys):
    call, begun = study
    assert call("--seeds", "0", "1", "--processes", "1") == 1
    assert begun == [(0, row.name, "0") for row in STUDY]
    assert "seed 1: FAILED" in capsys.readouterr().out
    assert call("--seeds", "0") == 0
    assert len(begun) == len(STUDY)


def test_a_folder_is_of_one_scale(study, tmp_path):
    call, _ = study
    call("--seeds", "0")
    with pytest.raises(SystemExit, match="holds a study of another size"):
        call("--large")
    assert call("--seeds", "0") == 0
    assert json.loads((tmp_path / "work" / "scale.json").read_text()) == asdict(SMALL)


def test_large_takes_a_gpu_one_row_at_a_time_with_nnunets_own_workers(study):
    call, begun = study
    call("--seeds", "0", "--large")
    assert begun == [(0, row.name, None) for row in STUDY]


def test_nothing_finished_is_said(study):
    call, _ = study
    with pytest.raises(SystemExit, match=r"No row is finished.*logs"):
        call("--seeds", "1")
