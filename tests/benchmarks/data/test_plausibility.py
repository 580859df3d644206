"""No right case is refused: the real pairs, phantoms and their crops; and the table says what is found of each fault."""

import sys

import numpy as np
import pytest

from benchmarks.data.plausibility import FAULTS, crops, main, read_study, refusal
from nnunetv2_muduo.phantom.cohort import write_cohort

CROPS_MM = (64, 128, 200)


def refusals(folder, n_crops: int) -> list[str]:
    """Reasons against the studies of a folder and against crops of them."""
    rng, reasons = np.random.default_rng(0), []
    for study in sorted(path.parent for path in folder.rglob("SUV.nii.gz")):
        pair, spacing_mm = read_study(study)
        parts = [pair] + [part for mm in CROPS_MM for part in crops(pair, mm / spacing_mm, n_crops, rng)]
        reasons += [refusal(part, spacing_mm) for part in parts]
    return reasons


def test_no_real_pair_is_refused_whole_or_cropped(shared_data):
    reasons = refusals(shared_data / "sts", n_crops=4)
    assert reasons == [""] * 41 * (1 + 4 * len(CROPS_MM))


@pytest.mark.parametrize(("seed", "spacing_mm"), [(0, 6.0), (7, 8.0)])
def test_no_phantom_is_refused_whole_or_cropped(tmp_path, seed, spacing_mm):
    write_cohort(tmp_path / "phantom", 3, seed, spacing_mm, 1)
    assert refusals(tmp_path / "phantom", n_crops=10) == [""] * 3 * (1 + 10 * len(CROPS_MM))


def test_the_table_has_a_row_for_every_fault(tmp_path, monkeypatch, capsys):
    write_cohort(tmp_path / "phantom", 1, 0, 12.0, 1)
    monkeypatch.setattr(sys, "argv", ["plausibility", str(tmp_path / "phantom"), "--crops", "1", "--crops-mm", "200"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| refused | whole | 200 mm |"
    assert lines[2] == "| as they are | 0 of 1 | 0 of 1 |"
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(FAULTS)
    assert "| SUV x 94 | 1 of 1 |" in "\n".join(lines)
