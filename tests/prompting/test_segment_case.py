"""Which files are one case, and what of it is segmented."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import LUMP_MM, ball, session_on

from nnunetv2_muduo.prompting.case_prompts import TypedPoint
from nnunetv2_muduo.prompting.segment_case import Asked, Segmenter, find_cases, write_case, write_figures


def touched(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("file", "name"),
    [("a_0001.nii.gz", "a"), ("a_0000.nrrd", "a"), ("a_0001_0001.mha", "a_0001"), ("SUV.NII.GZ", "SUV"), ("a.b.nii", "a.b"),
     ("a_0002.nii.gz", "a_0002"), ("series", "series")],
)  # fmt: skip
def test_cases_are_called_as_their_files(file, name):
    (case,) = find_cases([Path("images") / file], "pet", None)
    assert (case.name, case.modality, case.ct) == (name, "pet", None)


def test_cts_are_found_by_the_cases_names(tmp_path):
    cts = touched(tmp_path / "ct", "a_0000.nii.gz", "a_0001.nii.gz", "b.nrrd")
    cases = find_cases([Path("a_0001.nii.gz"), Path("b.nii.gz")], "pet", cts)
    assert [case.ct.name for case in cases] == ["a_0000.nii.gz", "b.nrrd"]
    with pytest.raises(FileNotFoundError, match="no CT of c, d"):
        find_cases([Path(f"{case}_0001.nii.gz") for case in "acd"], "pet", cts)
    with pytest.raises(ValueError, match="one CT for 2 images"):
        find_cases([Path("a_0001.nii.gz"), Path("b.nii.gz")], "pet", cts / "b.nrrd")


def test_a_case_does_not_see_the_prompts_of_the_one_before(pet, tmp_path):
    """Sessions are taken over; their prompts are not."""
    sitk.WriteImage(pet, str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(pet, str(tmp_path / "b.nii.gz"))
    session = session_on(pet, "threshold:0.41")
    points = [TypedPoint(tuple(LUMP_MM), True, "lump")]
    segmenter = Segmenter(session, False, Asked([], points), None)
    rows = []
    for case in find_cases([tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"], "pet", None):
        segmented = segmenter.segment(case)
        write_case(segmented, tmp_path, with_probabilities=False)
        rows += segmented.rows
        assert len(session.prompts) == 1
        np.testing.assert_array_equal(segmented.labels == 1, ball(LUMP_MM, 30))
    assert [row["volume_ml"] for row in rows] == pytest.approx([ball(LUMP_MM, 30).sum() * 0.21] * 2)
    assert write_figures(rows, tmp_path).read_text().count("lump") == 2


def test_names_that_are_formulas_stay_texts(pet, tmp_path):
    rows = [{"case": "a", "object": 1, "name": "=cmd()", "volume_ml": 1.0}]
    assert "'=cmd()" in write_figures(rows, tmp_path).read_text()
