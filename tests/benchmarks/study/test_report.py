"""The study's report: what is finished and was asked for."""

from pathlib import Path

import pandas as pd

from benchmarks.study import report
from benchmarks.study.experiments import STUDY
from benchmarks.study.split import Split
from benchmarks.study.study_size import SMALL
from benchmarks.study.tables import results_table


def test_what_was_asked_for_is_written(measures, tmp_path):
    splits = [Split(tmp_path / "work", SMALL, 5, seed) for seed in (0, 1, 2)]  # nothing of the last is finished
    other_experiment, other_split = measures.assign(method="mse_3"), measures.assign(n_labeled=10)
    tables = pd.concat([measures, other_experiment, other_split]).groupby(["n_labeled", "seed", "method"])
    for (n_labeled, seed, method), rows in tables:
        path = Split(tmp_path / "work", SMALL, n_labeled, seed).result_file(method)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False)
    text = report.write(splits, STUDY, tmp_path / "out", "# Study")
    assert "85.0 ± 7.1" in text
    assert (tmp_path / "out" / "summary.md").read_text() == text
    written = pd.read_csv(tmp_path / "out" / "measures.csv.gz")
    assert set(written["method"]) == {"muduo", "supervised"}
    assert set(written["n_labeled"]) == {5}
    pd.testing.assert_frame_equal(results_table(written), results_table(measures))
    assert {path.name for path in Path(tmp_path / "out").iterdir()} == {
        "summary.md",
        "measures.csv.gz",
        "per_seed.csv",
        "dice_against_labels.png",
    }
