"""The table of pseudo labels, from what results keep of them."""

import pytest

from benchmarks.study.pseudo_label_quality import summary
from benchmarks.study.quality_table import quality_table

KEYS = {"labels": 5, "row": "muduo", "title": "MuDuo", "seed": 0}


def pair(organ, kept, mixed, student, there=True):
    dice = {"dice_ct": mixed, "dice_pet": mixed, "dice_mixed": mixed, "dice_prompt_map": 0.5, "dice_student": student}
    return {"epoch": 5, "case": "a", "patch": 0, "organ": organ, "agreement": 0.5, "kept": kept, "there": there, **dice}


def test_kept_and_rejected_pairs_are_means_over_organs_beside_the_student():
    pairs = [pair(1, True, 0.9, 0.7), pair(1, True, 0.7, 0.7), pair(2, True, 0.4, 0.6), pair(1, False, 0.2, 0.5)]
    pairs += [pair(2, True, 0.0, seen, there=False) for seen in (0.0, float("nan"))]
    table = quality_table([{**KEYS, "pseudo_labels": summary(pairs)}, {**KEYS, "row": "supervised"}]).set_index("kept")
    assert table.loc["kept", ["share (%)", "absent (%)"]].tolist() == [83.3, 40]
    assert table.loc["kept", "mixed"] == pytest.approx(60)  # of 80 and 40; what is not there is left out
    assert table.loc["kept", "student"] == pytest.approx(65)
    assert table.loc["kept", "gain"] == pytest.approx(-5)
    assert table.loc["kept", ["invented by mixed (%)", "invented by student (%)"]].tolist() == [100, 50]
    assert table.loc["rejected", ["mixed", "student", "gain", "share (%)"]].tolist() == [20, 50, -30, 16.7]


def test_one_teacher_has_no_mixture_and_nothing_observed_no_table():
    pairs = [{key: value for key, value in pair(1, True, 0.9, 0.7).items() if key not in ("dice_pet", "dice_mixed")}]
    (line,) = quality_table([{**KEYS, "pseudo_labels": summary(pairs)}]).to_dict("records")
    assert line["ct"] == 90
    assert line["mixed"] != line["mixed"]
    assert quality_table([KEYS]).empty
    assert summary([]) == []
