"""`muduo check` of CFR: the extra, the fine-tuned SAM of the fold's labels, or what it will be made from."""

import importlib.util
import json
import re

import pytest
from support import NEEDS_TRANSFORMERS, make_trainer, prepare_tiny, write_config

from nnunetv2_muduo.check.findings import OK, PROBLEM, WARNING
from nnunetv2_muduo.check.fine_tuned_sam import check_extra, check_sam
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.trainers import nnUNetTrainerCFR, nnUNetTrainerMeanTeacher

CONFIG = {"patch_size": 24, "sam": "tiny", "sam_iterations": 1, "num_epochs": 1}


def checked(root, fold=0):
    (folder,) = (root / "raw").glob("Dataset*")
    return check_sam(RawDataset(folder, fold), nnUNetTrainerCFR)


def test_the_extra_is_asked_for(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = check_extra()
    assert found.status == PROBLEM
    assert "pip install 'nnunetv2_muduo[cfr]'" in found.found


def test_the_command_asks_for_cfr_alone(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, **CONFIG)
    _, found = check("-tr", nnUNetTrainerCFR.__name__)
    assert found["transformers"][0] == (OK if importlib.util.find_spec("transformers") else PROBLEM)
    assert "training fine-tunes tiny first" in found["fine-tuned"][1]
    assert "transformers" not in check("-tr", nnUNetTrainerMeanTeacher.__name__)[1]


def test_without_a_file_it_says_what_training_makes_it_from(prepared_dataset, hub_cache, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG)
    found = checked(prepared_dataset)
    assert found.status == WARNING
    assert "training fine-tunes tiny first, for 1 iterations" in found.found
    write_config(monkeypatch, tmp_path, **{**CONFIG, "sam": "vit_b"})
    found = checked(prepared_dataset)
    assert found.status == WARNING
    assert "facebook/sam-vit-base will be downloaded" in found.found
    write_config(monkeypatch, tmp_path, **{**CONFIG, "sam": str(tmp_path / "nothing")})
    assert checked(prepared_dataset).status == PROBLEM


@NEEDS_TRANSFORMERS
@pytest.mark.usefixtures("one_thread")
def test_a_file_must_be_of_the_folds_labels(prepared_dataset, tmp_path, monkeypatch):
    from nnunetv2_muduo.trainers.fine_tuning import fine_tuned_file

    write_config(monkeypatch, tmp_path, **CONFIG)
    prepare_tiny(nnUNetTrainerCFR.__name__)
    trainer = make_trainer(nnUNetTrainerCFR.__name__)
    trainer.initialize()
    file = fine_tuned_file(trainer)
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(file))
    assert checked(prepared_dataset).status == OK
    assert "made from 4 labeled cases" in checked(prepared_dataset).found
    other = checked(prepared_dataset, fold=1)
    assert other.status == PROBLEM
    assert "fine-tuned on other cases than the fold's" in other.found
    for other_view, said in (
        ({"patch_size": 16}, r"patch_size \[24, 24, 24\], here \[16, 16, 16\]"),
        ({"student_channels": "pet"}, r"channels \[0, 1\], here \[1\]"),
        ({"slice_axis": 2}, "axis 0, here 2"),
    ):
        write_config(monkeypatch, tmp_path, **{**CONFIG, **other_view}, sam_file=str(file))
        found = checked(prepared_dataset)
        assert found.status == PROBLEM
        assert re.search(f"another view of the data: {said}$", found.found)
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(tmp_path / "none"))
    assert checked(prepared_dataset).status == PROBLEM
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(file))
    change_a_label(prepared_dataset)
    changed = checked(prepared_dataset)
    assert changed.status == PROBLEM
    assert "labels have changed since it was fine-tuned: labeled_" in changed.found


def change_a_label(root):
    """Turn one voxel of a preprocessed case of the fold into background's neighbor."""
    import blosc2
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    trainer = make_trainer(nnUNetTrainerCFR.__name__)
    trainer.initialize()
    case = trainer.do_split()[0][0]
    folder = trainer.preprocessed_dataset_folder
    assert issubclass(trainer.dataset_class, nnUNetDatasetBlosc2)
    path = f"{folder}/{case}_seg.b2nd"
    array = blosc2.open(path, mode="r")[:].copy()
    array[0, 0, 0, 0] = 2
    blosc2.remove_urlpath(path)
    blosc2.asarray(array, urlpath=path)


def test_more_channels_than_a_sam_sees_are_a_problem(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, **CONFIG)
    path = dataset / "dataset.json"
    description = json.loads(path.read_text())
    description["channel_names"] |= {"2": "T1", "3": "T2"}
    path.write_text(json.dumps(description))
    status, line = check("-tr", nnUNetTrainerCFR.__name__)[1]["fine-tuned"]
    assert status == PROBLEM
    assert "a 2D SAM sees at most 3 channels, not 4: choose some with student_channels" in line


@NEEDS_TRANSFORMERS
def test_a_patch_that_no_canvas_holds_is_a_problem_before_anything_is_made(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, sam="tiny", patch_size=256)
    assert check("-tr", nnUNetTrainerCFR.__name__)[1]["fine-tuned"][0] == WARNING  # of its random weights
    write_config(monkeypatch, tmp_path, sam="tiny", patch_size=264)
    status, line = check("-tr", nnUNetTrainerCFR.__name__)[1]["fine-tuned"]
    assert status == PROBLEM
    assert "slices of 264 x 264 don't fit on a canvas of 256 x 256" in line
