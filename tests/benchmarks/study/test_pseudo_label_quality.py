"""Pseudo labels against the hidden truth: the truth lies where the image says, and the training notices nothing."""

import numpy as np
import pytest
import SimpleITK as sitk
from support import make_case, make_trainer, write_config

from benchmarks.study import pseudo_label_quality as quality
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.trainers.inspection import inspect_patches

PET_SUV = 3  # channel of the views


@pytest.fixture
def trainer(prepared_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "N_PATCHES", 6)
    write_config(monkeypatch, tmp_path, least_agreement=0.0)
    trainer = make_trainer()
    trainer.on_train_start()
    return trainer


@pytest.fixture
def truth_files(trainer, tmp_path, monkeypatch):
    """Labels of the two unlabeled cases on the plan's grid; the others are left out."""
    folders = trainer.preparation.unlabeled_folder, trainer.preparation.prompt_map_folder
    files = {f"unlabeled_{i}": tmp_path / f"unlabeled_{i}.nii.gz" for i in (0, 1)}
    monkeypatch.setattr(trainer, "unlabeled_dataset", lambda: UnlabeledDataset(*folders, list(files)))
    for i, file in enumerate(files.values()):
        sitk.WriteImage(make_case(100 + i)[2], str(file))
    return files


def test_patches_are_drawn_again_and_their_truth_is_where_the_pet_is_bright(trainer, truth_files):
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    patches = quality.drawn_patches(trainer, truth_files)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    again = quality.drawn_patches(trainer, truth_files)
    assert [patch.region for patch, _ in patches] == [patch.region for patch, _ in again]
    assert len({tuple(map(tuple, patch.region)) for patch, _ in patches}) > 3
    for patch, truth in patches:
        for label, pet_suv in ((1, 4.0), (2, 6.0)):
            found = patch.views[PET_SUV].numpy()[truth == label]
            assert not found.size or found.mean() == pytest.approx(pet_suv, abs=0.2)
    assert {1, 2} <= {int(label) for _, truth in patches for label in np.unique(truth)}


def test_every_pair_is_measured_against_its_patch(trainer, truth_files):
    patches = quality.drawn_patches(trainer, truth_files)
    rows = quality.measure(trainer, patches)
    patch, truth = patches[rows[0]["patch"]]
    inspection = inspect_patches(trainer, [patch])
    organ = rows[0]["organ"]
    (pair,) = (i for i, o in enumerate(inspection.pairs.organs.tolist()) if trainer.organ_labels[o] == organ)
    mask, true_mask = inspection.masks["ct"][pair].numpy(), truth == organ
    expected = 2 * (mask & true_mask).sum() / (mask.sum() + true_mask.sum())
    assert rows[0]["dice_ct"] == pytest.approx(expected, nan_ok=True)
    assert rows[0]["there"] == true_mask.any()
    for row in rows:  # a batch of two chooses
        first = row["patch"] // 2 * 2
        kept = inspect_patches(trainer, [patch for patch, _ in patches[first : first + 2]]).kept
        assert row["kept"] == bool(kept[row["patch"] - first, trainer.organ_labels.index(row["organ"])])
    assert {row["kept"] for row in rows} == {True, False}
    for row in rows:  # a pair is valid where the prompt map has the organ
        assert (patches[row["patch"]][0].prompt_map == row["organ"]).any()


def test_a_truth_on_another_grid_is_refused(trainer, truth_files):
    sitk.WriteImage(make_case(100)[2][:, :, 1:], str(truth_files["unlabeled_0"]))
    with pytest.raises(ValueError, match=r"unlabeled_0.nii.gz has \(33, 36, 33\) voxels, its preprocessed image"):
        quality.drawn_patches(trainer, truth_files)
