"""One header of a real-looking series changed at a time: the SUV is right to 1 %, or the case is refused.

The changes are of two kinds. Some write the same truth otherwise (grams, another time zone, no date, a series time that
was altered later): the SUV must be right. All others make one tag lie; the SUV must be right all the same, because other
tags outweigh it, or the case must be refused. What nothing else in a header confirms (a weight, a dose, a slope, a frame's
start on all slices alike) is drawn from outside of what anybody has, since nothing could tell a lie within it.
"""

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from pet_changes import Change, lies_about, truths_about  # noqa: E402
from pet_scans import DOSE_SHARE, SCANS, SPACING_MM, WEIGHT_KG, write_scan  # noqa: E402

from nnunetv2_muduo.conversion.case_check import check_case  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Folder and true SUV of every scan."""
    made = {}
    for scan in SCANS:
        folder = tmp_path_factory.mktemp("scan")
        made[scan.name] = (folder, write_scan(folder, scan))
    return made


@contextmanager
def changed(folder: Path, change: Change | None):
    """The scan with one tag changed; its CT is the same file."""
    with TemporaryDirectory() as name:
        target = Path(name) / "case"
        (target / "pet").mkdir(parents=True)
        (target / "ct").symlink_to(folder / "ct")
        for number, path in enumerate(sorted((folder / "pet").iterdir())):
            dataset = pydicom.dcmread(path)
            if change is not None and (number == 4 or not change.on_one_slice):
                change.apply(dataset)
            dataset.save_as(target / "pet" / path.name)
        yield target


def verdict(folder: Path, change: Change | None, truth: np.ndarray) -> str:
    """'right', 'wrong', or why the case was refused."""
    with changed(folder, change) as target:
        try:
            cases = find_dicom_cases(target)
        except FileNotFoundError as error:  # nothing there that may be used
            return str(error)
        if len(cases) != 1:
            return f"wrong: {len(cases)} cases"
        findings = check_case(cases[0])
        if "problem" in findings:
            return findings["problem"]
        suv = sitk.GetArrayFromImage(cases[0].pet.read())
    if suv.shape != truth.shape:
        return f"wrong: shape {suv.shape}"
    off = np.abs(suv / truth - 1)[truth > 0.01].max()
    return "right" if off < 0.01 else f"wrong: off by {off:.3g}"


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.name)
def test_unchanged_series_is_right(scans, scan):
    folder, truth = scans[scan.name]
    assert verdict(folder, None, truth) == "right"
    share = truth.sum() * np.prod(SPACING_MM) / 1e6 / WEIGHT_KG
    assert share == pytest.approx(DOSE_SHARE, abs=0.01)


def run(scans, n: int) -> Counter:
    """Draw n changes of each kind and judge them. Returns how often there was which verdict."""
    counts = Counter()

    @settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def judge(data):
        scan = data.draw(st.sampled_from(SCANS))
        about = data.draw(st.sampled_from([lies_about, lies_about, lies_about, truths_about]))
        change = data.draw(about(scan))
        folder, truth = scans[scan.name]
        found = verdict(folder, change, truth)
        kind = "truth" if change.is_true else "lie"
        outcome = found.partition(":")[0] if found.startswith(("right", "wrong")) else "refused"
        counts[kind, outcome] += 1
        counts["tag", change.keyword, outcome] += 1
        assert outcome != "wrong", (scan.name, change, found)
        assert not change.is_true or outcome == "right", (scan.name, change, found)

    judge()
    return counts


def test_no_header_makes_a_wrong_suv(scans):
    counts = run(scans, 120)
    assert counts["truth", "right"] > 10
    assert counts["lie", "refused"] > 20
    assert counts["lie", "right"] > 10


@pytest.mark.slow
@pytest.mark.long
def test_no_header_of_thousands_makes_a_wrong_suv(scans):
    counts = run(scans, 4000)
    assert sum(n for key, n in counts.items() if len(key) == 2) >= 4000
    for key, n in sorted(counts.items(), key=str):
        print(*key, n)
