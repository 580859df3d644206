"""Teachers that see a patch at a spacing of their own: by nnU-Net's own command, continued, and together with other folds."""

import json

import pytest
from stock_command import model_folder, train_fold
from support import make_trainer, write_config

SPACING_MM = 6.5
"""Of the teachers: 24 of their voxels are 156 mm, which are 39 voxels of the data set, and 40 can be halved."""


@pytest.mark.parametrize(
    ("trainer", "more"),
    [
        ("nnUNetTrainerMuDuo", {"ct_prompts": "points_and_mask"}),
        ("nnUNetTrainerMuDuo_Supervised", {}),
        ("nnUNetTrainerSemiSAMPlus", {"generalist_prompt": "clicks", "generalist_rounds": 2}),
        ("nnUNetTrainerSemiSAMPlus", {"generalist_prompt": "mask"}),
    ],
)
def test_the_patch_is_as_large_as_the_teachers_image_in_mm(prepared_dataset, tmp_path, monkeypatch, trainer, more):
    quick = {"num_epochs": 2, "num_iterations_per_epoch": 1, "prompt_generator_num_epochs": 1}
    write_config(monkeypatch, tmp_path, teacher_spacing_mm=SPACING_MM, **quick, **more)
    folder = model_folder(prepared_dataset, trainer)
    older = set(folder.glob("fold_0/training_log*.txt"))  # of the data set's own preparation
    train_fold(0, trainer)
    configuration = json.loads((folder / "plans.json").read_text())["configurations"]["3d_fullres"]
    assert configuration["patch_size"] == [40, 40, 40]
    (folder / "fold_0" / "checkpoint_final.pth").rename(folder / "fold_0" / "checkpoint_latest.pth")
    train_fold(0, trainer, "--c")
    logs = [log.read_text() for log in set(folder.glob("fold_0/training_log*.txt")) - older]
    assert len(logs) >= 2
    assert all("becomes [40, 40, 40]" in log for log in logs)
    write_config(monkeypatch, tmp_path, **quick, **more)
    with pytest.raises(ValueError, match=r"patches of \[40, 40, 40\], this fold would be on \[24, 24, 24\]"):
        train_fold(1, trainer)


def test_what_the_teachers_say_fits_the_patch(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, teacher_spacing_mm=SPACING_MM, picture_every_epochs=1, least_agreement=0.0)
    trainer = make_trainer()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    trainer.current_epoch = 1
    batch = trainer.next_unlabeled()
    assert batch["data"].shape[2:] == (40, 40, 40)
    outcome = trainer.learn_from_unlabeled(batch, 1.0)
    assert 0 < outcome["consistency_loss"] < 2
    assert outcome["n_not_finite"].sum() == 0
    trainer.draw(0)
