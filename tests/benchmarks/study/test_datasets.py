"""The study's data sets: what an unlabeled case must not bring along."""

import json

import pytest

from benchmarks.study.datasets import write_raw
from benchmarks.study.patients import Group, draw_members
from benchmarks.study.split import Split
from benchmarks.study.study_size import SMALL

GROUP = Group("few", n_val=1, n_test=3)


@pytest.fixture
def studies(tmp_path):
    folders = [tmp_path / "studies" / f"patient_{number}" / "study" for number in range(12)]
    for folder in folders:
        folder.mkdir(parents=True)
        for file in ("CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz"):
            (folder / file).write_text(f"{folder.parent.name} {file}")
    (tmp_path / "studies" / "labels.json").write_text(json.dumps({"background": 0, "liver": 1}))
    return folders


def test_no_label_file_of_an_unlabeled_case_is_in_the_data_set(studies, tmp_path):
    split = Split(tmp_path / "work", GROUP, SMALL, 3, 0)
    write_raw(split, studies)
    drawn = draw_members(studies, GROUP, 3, 0)
    labeled = {path.name.removesuffix(".nii.gz") for path in (split.raw / "labelsTr").iterdir()}
    assert labeled == drawn["train"].keys() | drawn["val"].keys()
    everywhere = {path.read_text() for path in split.raw.rglob("*.nii.gz")}
    hidden = {path.read_text() for path in split.unlabeled_truth().values()}
    assert len(hidden) == 12 - 3 - GROUP.n_val - GROUP.n_test
    assert not hidden & everywhere
    for case, study in drawn["unlabeled"].items():
        assert (split.raw / "imagesUn" / f"{case}_0001.nii.gz").samefile(study / "SUV.nii.gz")
    (fold,) = json.loads((split.preprocessed / "splits_final.json").read_text())
    assert (set(fold["train"]), set(fold["val"])) == (drawn["train"].keys(), drawn["val"].keys())
