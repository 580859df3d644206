"""The table of the left atrium's rows, and CFR's ratio to Mean Teacher."""

import pytest
from scipy import stats

from benchmarks.left_atrium.report import ratio_to_mean_teacher, write_report
from benchmarks.left_atrium.size import METHODS, Size, row_name, trainer_name
from nnunetv2_muduo import trainers
from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.storage import write_json


def row(method, seed, dice):
    cases = {name: {"dice": dice, "jaccard": dice, "asd_voxel": 1.0, "hd95_voxel": 2.0} for name in "ab"}
    return {"method": method, "seed": seed, "train_seconds": 3600, "cases": cases}


def test_ratio_is_of_the_same_seeds_and_beside_the_published_one():
    rows = {"CFR": [row("CFR", 0, 0.6), row("CFR", 1, 0.5)], "MeanTeacher": [row("MeanTeacher", 1, 0.25)]}
    assert ratio_to_mean_teacher(rows) == (
        "\nDice of CFR / Mean Teacher by seed: 2.00 (published with 1 label: 74.40 / 29.68 = 2.5).\n"
    )
    assert ratio_to_mean_teacher({"CFR": rows["CFR"]}) == ""


def test_one_label_has_its_section(tmp_path):
    for n, method in ((1, "CFR"), (1, "MeanTeacher"), (8, "Supervised")):
        (tmp_path / f"labels_{n}").mkdir(exist_ok=True)
        write_json(row(method, 0, 0.5), tmp_path / f"labels_{n}" / f"{method}_seed0.json")
    text = write_report(tmp_path, "20 test cases")
    assert "## 1 label\n" in text
    assert "by seed: 1.00" in text
    assert "20 test cases, 2018" in text
    assert text.index("## 1 label\n") < text.index("## 8 labels")
    assert text == (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_trainer_that_reads_its_config(method, monkeypatch):
    monkeypatch.delenv("nnUNet_muduo_config", raising=False)
    trainer = getattr(trainers, trainer_name(method))
    config = load_config(Size().config(method, 0), trainer.config_class)
    assert config.num_epochs == Size().num_epochs
    if method == "CFR":
        assert config.sam == "tiny"
        assert load_config(Size().config(method, 5), trainer.config_class).sam_seed == 5


def test_a_row_may_name_another_weight(tmp_path):
    assert Size().config(row_name("CPS@0.5"), 0)["consistency_weight"] == 0.5
    assert "consistency_weight" not in Size().config("CPS", 0)
    assert trainer_name("CPS@0.5") == trainer_name("CPS")
    for wrong in ("CPT", "CPS@", "CPS@x", "CPS@-1", "CPS@nan", "Supervised@1"):
        with pytest.raises(ValueError, match=r"^CP|^Supervised@1|could not convert"):
            row_name(wrong)
    for method in ("SASSNet", "CPS@0.5", "CPS", "Supervised"):
        (tmp_path / "labels_8").mkdir(exist_ok=True)
        write_json(row(method, 0, 0.5), tmp_path / "labels_8" / f"{method}_seed0.json")
    text = write_report(tmp_path, "20 test cases")
    places = [text.index(f"| {method} |") for method in ("Supervised", "CPS", "CPS@0.5", "SASSNet")]
    assert places == sorted(places)


def test_a_gain_stands_beside_the_cases_that_have_it_and_its_p(tmp_path):
    """A single case that was missed by the other makes a mean difference, and no gain of the method."""
    gains = {"CPS": [0.02] * 9 + [-0.01], "MeanTeacher": [0.3] + [-0.001] * 5 + [0.001] * 4}
    (tmp_path / "labels_8").mkdir()
    for method, of_cases in {"Supervised": [0.0] * 10, **gains}.items():
        result = row(method, 0, 0.5)
        case = result["cases"]["a"]
        result["cases"] = {f"{i:02d}": {**case, "dice": 0.5 + gain} for i, gain in enumerate(of_cases)}
        write_json(result, tmp_path / "labels_8" / f"{method}_seed0.json")
    lines = {line.split(" | ")[0]: line for line in write_report(tmp_path, "10 cases").splitlines() if line[:2] == "| "}
    assert "| +1.7 | 9 of 10 (0.0" in lines["| CPS"]
    assert "| +3.0 | 5 of 10 (1)" in lines["| MeanTeacher"]
    p = {method: float(lines[f"| {method}"].split("(")[-1].split(")")[0]) for method in gains}
    assert p["CPS"] == pytest.approx(stats.wilcoxon(gains["CPS"]).pvalue, rel=0.05)
    assert p["MeanTeacher"] > 0.3
