"""Every compared method by nnU-Net's own commands: train, validate, go on, start from weights, predict; report and export."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import predict_entry_point
from stock_command import nnunet_train, train_fold
from support import DATASET, NEEDS_TRANSFORMERS, seed_everything, weights_of, write_config

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.trainers.base import MuDuoTrainer

pytestmark = pytest.mark.long

METHODS = [f"nnUNetTrainer{name}" for name in ("MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SemiSAMPlus")]
METHODS += ["nnUNetTrainerSelfTraining", pytest.param("nnUNetTrainerCFR", marks=NEEDS_TRANSFORMERS)]
QUICKEST = {
    "patch_size": 24,
    "num_epochs": 1,
    "num_iterations_per_epoch": 1,
    "generalist_rounds": 1,
    "ramp_up_epochs": 1,
    "sam": "tiny",
    "sam_iterations": 1,
}
EACH = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def test_images(prepared_dataset):
    """Two of the data set's cases to predict; its root is the parent."""
    folder = prepared_dataset / "images"
    folder.mkdir()
    for file in (prepared_dataset / "raw" / DATASET / "imagesUn").glob("unlabeled_[03]_*.nii.gz"):
        shutil.copy(file, folder)
    return folder


def model(root, method, plans="nnUNetPlans"):
    return root / "res" / DATASET / f"{method}__{plans}__3d_fullres"


def predict(images, method, *more):
    """`nnUNetv2_predict` without processes of its own; returns the files that it wrote."""
    out = images.parent / "predicted"
    command = ["nnUNetv2_predict", "-i", str(images), "-o", str(out), *"-d 1 -c 3d_fullres -f 0 -device cpu".split()]
    n_threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*command, *"--disable_tta -npp 0 -nps 0 -tr".split(), method, *more])
        predict_entry_point()
    torch.set_num_threads(n_threads)
    return sorted(file.name for file in out.glob("*.nii.gz"))


def channels_seen(root, method, plans="nnUNetPlans"):
    content = torch.load(model(root, method, plans) / "fold_0" / "checkpoint_final.pth", weights_only=False)
    return next(weights for name, weights in content["network_weights"].items() if name.endswith("conv.weight")).shape[
        1
    ]


@EACH
@pytest.mark.parametrize("channels", ["all", "pet"])
def test_a_data_set_of_ct_and_pet(test_images, tmp_path, monkeypatch, method, channels):
    write_config(monkeypatch, tmp_path, student_channels=channels, **QUICKEST)
    root = test_images.parent
    train_fold(0, method, "--npz")
    fold = model(root, method) / "fold_0"
    (probabilities,) = (fold / "validation").glob("*.npz")
    assert np.load(probabilities)["probabilities"].shape[0] == 3
    assert channels_seen(root, method) == (2 if channels == "all" else 1)
    summary = fold / "validation" / "summary.json"
    before = json.loads(summary.read_text())["foreground_mean"]
    shutil.rmtree(summary.parent)
    train_fold(0, method, "--val")
    assert json.loads(summary.read_text())["foreground_mean"] == before
    assert predict(test_images, method) == ["unlabeled_0.nii.gz", "unlabeled_3.nii.gz"]
    assert main(["report", "-d", "1", "-tr", method, "-f", "0"]) == 0
    assert main(["export", "1", method, "0", "-o", str(tmp_path / "model.zip")]) == 0


@EACH
def test_weights_to_start_from_and_all_cases(prepared_dataset, tmp_path, monkeypatch, method):
    write_config(monkeypatch, tmp_path, **QUICKEST)
    train_fold(0, method)
    start = model(prepared_dataset, method) / "fold_0" / "checkpoint_final.pth"
    begins, first_epoch = [], MuDuoTrainer.on_train_epoch_start

    def on_train_epoch_start(self):
        average = getattr(self, "mean_teacher", None)
        begins.append([weights_of(one) for one in (self.network, average and average.module) if one is not None])
        first_epoch(self)

    monkeypatch.setattr(MuDuoTrainer, "on_train_epoch_start", on_train_epoch_start)
    train_fold("all", method, "-pretrained_weights", str(start))
    assert (start.parents[1] / "fold_all" / "checkpoint_final.pth").is_file()
    given = torch.load(start, weights_only=False)["network_weights"]
    assert len(begins[-1]) == (2 if any(name in method for name in ("Mean", "SAM", "CFR")) else 1)
    for begun in begins[-1]:  # the student, and its moving average; nnU-Net leaves the last layers out
        assert all(torch.equal(weights, given[name]) for name, weights in begun.items() if ".seg_layers." not in name)


@EACH
def test_a_training_that_was_interrupted_goes_on_as_an_undisturbed_one(prepared_dataset, tmp_path, monkeypatch, method):
    write_config(monkeypatch, tmp_path, **{**QUICKEST, "num_epochs": 3})
    initialize = MuDuoTrainer.initialize
    monkeypatch.setattr(
        MuDuoTrainer, "initialize", lambda self: setattr(self, "save_every", 1) or initialize(self)
    )  # nnU-Net keeps a checkpoint of every fiftieth epoch
    final = model(prepared_dataset, method) / "fold_0" / "checkpoint_final.pth"
    seed_everything()
    train_fold(0, method)
    undisturbed = torch.load(final, weights_only=False)["network_weights"]
    shutil.rmtree(final.parent)
    with monkeypatch.context() as patch:
        begin = MuDuoTrainer.on_epoch_start
        patch.setattr(MuDuoTrainer, "on_epoch_start", lambda self: interrupted_after(self, 2) or begin(self))
        seed_everything()
        with pytest.raises(KeyboardInterrupt):
            train_fold(0, method)
    assert not final.exists()
    train_fold(0, method, "--c")
    went_on = torch.load(final, weights_only=False)["network_weights"]
    assert all(torch.equal(weights, undisturbed[name]) for name, weights in went_on.items())


def interrupted_after(trainer, n_epochs):
    """A user's Ctrl-C; the training of a generator is not disturbed."""
    if trainer.needs_unlabeled and trainer.current_epoch == n_epochs:
        raise KeyboardInterrupt


def write_residual_plans(preprocessed):
    """The tiny data set's plans with the network of nnU-Net's residual encoder presets."""
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text())
    architecture = plans["configurations"]["3d_fullres"]["architecture"]
    architecture["network_class_name"] = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
    kwargs = architecture["arch_kwargs"]
    kwargs["n_blocks_per_stage"] = kwargs.pop("n_conv_per_stage")
    plans["plans_name"] = "nnUNetResEncUNetMPlans"
    (preprocessed / "nnUNetResEncUNetMPlans.json").write_text(json.dumps(plans))


@EACH
def test_residual_encoders(test_images, tmp_path, monkeypatch, method):
    write_config(monkeypatch, tmp_path, **QUICKEST)
    root, plans = test_images.parent, "nnUNetResEncUNetMPlans"
    write_residual_plans(root / "pre" / DATASET)
    nnunet_train("3d_fullres", "0", "-tr", method, "-p", plans)
    content = torch.load(model(root, method, plans) / "fold_0" / "checkpoint_final.pth", weights_only=False)
    assert any(".blocks." in name for name in content["network_weights"])
    assert predict(test_images, method, "-p", plans) == ["unlabeled_0.nii.gz", "unlabeled_3.nii.gz"]
