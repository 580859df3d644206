"""`muduo evaluate` as a command: what it measures, prints and writes."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from fixtures.evaluation import evaluate, failure, metrics, truth_labels, write_image

from nnunetv2_muduo.evaluation import measures, results


def test_metrics_per_case_and_organ(folders, capsys):
    assert evaluate(folders) == 0
    table = metrics(folders)
    assert table.index.tolist() == [(case, organ) for case in "ab" for organ in ("liver", "spleen", "bladder")]
    assert table.loc[("a", "liver"), "dice"] == pytest.approx(0.9)
    assert table.loc[("a", "spleen"), "dice"] == pytest.approx(0.75)
    assert table.loc[("a", "liver"), "hd95_mm"] == 2
    assert table.loc[("a", "liver"), "hd95_voxel"] == 1
    assert table.loc[("a", "liver"), "volume_truth_ml"] == pytest.approx(600 * 0.012)
    assert table.loc[("b", "spleen"), ["missed", "dice"]].tolist() == [1, 0]
    assert np.isnan(table.loc[("b", "spleen"), "hd95_mm"])
    assert np.isnan(table.loc[("a", "bladder"), "dice"])
    assert "suv_mean_truth" not in table
    printed = capsys.readouterr().out
    assert re.search(r"\| liver +\| +95\.00 ± 7\.07 \|", printed)
    assert printed == (folders / "out" / "metrics.md").read_text() + "\n"


def test_uptake_from_nnunet_channel_files(folders):
    for name in "ab":
        write_image(folders / "images" / f"{name}_0000.nii.gz", np.full((12, 20, 20), -1000, np.float32))
        write_image(folders / "images" / f"{name}_0001.nii.gz", truth_labels() * np.float32(2.5))
    assert evaluate(folders, "--pet", folders / "images") == 0
    row = metrics(folders).loc[("a", "liver")]
    assert row["suv_mean_truth"] == row["suv_max_truth"] == row["suv_max_prediction"] == 2.5
    assert row["suv_mean_prediction"] == pytest.approx(0.9 * 2.5)
    assert row["uptake_truth_suv_ml"] == pytest.approx(2.5 * 7.2)


def test_published_table(folders, capsys):
    assert evaluate(folders, "--published") == 0
    assert "| ASD (voxel) | HD95 (voxel) |" in capsys.readouterr().out
    summary = json.loads((folders / "out" / "metrics.json").read_text())["published"]["pred"]
    assert summary["bladder"]["dice"] == {"mean": 1, "std": 0, "n": 2}
    assert summary["spleen"]["hd95_voxel"] == {"mean": 0.5, "std": 0.5, "n": 2}
    assert (folders / "out" / "published.csv").is_file()


def test_comparison_with_another_method(folders, capsys):
    for name in "ab":
        write_image(folders / "base" / f"{name}.nii.gz", np.roll(truth_labels(), 2, axis=2))
    assert evaluate(folders, "--name", "ours", "--compare", f"base={folders / 'base'}") == 0
    comparison = pd.read_csv(folders / "out" / "comparison.csv").set_index(["measure", "organ"])
    assert comparison.loc[("dice", "liver"), "difference"] == pytest.approx((0.1 + 0.2) / 2)
    assert comparison.loc[("hd95_mm", "spleen"), "n"] == 1
    assert set(metrics(folders)["method"]) == {"ours", "base"}
    assert "ours minus base" in capsys.readouterr().out


def test_a_new_measure_is_one_entry_and_its_function(folders, capsys, monkeypatch):
    def center_mm(organ):
        return float(np.argwhere(organ.truth)[:, 0].mean()) * organ.spacing_mm[0] if organ.truth.any() else np.nan

    center = measures.Measure(
        "center_mm", "center", "cm", 0.1, center_mm, measures.ACCURACY, compared=True, definition="middle of the truth"
    )
    monkeypatch.setattr(measures, "MEASURES", (*measures.MEASURES, center))
    assert evaluate(folders, "--compare", f"same={folders / 'pred'}") == 0
    written = {file.name: file.read_text() for file in (folders / "out").iterdir()}
    assert metrics(folders).loc[("b", "liver"), "center_mm"].tolist() == [2.5 * 3] * 2  # both methods' boxes
    assert "pred,liver,center_mm,7.5,0.0,2" in written["summary.csv"]
    assert "pred,same,center_mm,liver,2,0.0" in written["comparison.csv"]
    assert json.loads(written["metrics.json"])["summary"]["same"]["liver"]["center_mm"]["mean"] == 7.5
    printed = capsys.readouterr().out
    for text in (printed, written["metrics.md"]):
        assert "| center (cm) | missed | false positive |" in text
        assert re.search(r"\| liver +\| .* \| +0\.75 ± 0\.00 \| +0/2 \|", text)
        assert "## pred minus same: center\n\n| organ            | difference (cm) |" in text
        assert "center: middle of the truth." in " ".join(text.split())


def test_the_summary_is_computed_once(folders, monkeypatch):
    calls = []
    for name in ("summarize", "summarize_published"):
        function = getattr(results, name)
        monkeypatch.setattr(results, name, lambda table, name=name, f=function: calls.append(name) or f(table))
    assert evaluate(folders, "--published") == 0
    assert sorted(calls) == ["summarize", "summarize_published"]


def test_two_methods_of_one_name_are_refused(folders, capsys):
    assert "same name" in failure(folders, capsys, "--compare", f"pred={folders / 'gt'}")
