"""CFR: its loss by hand, its labels by hand, every method beside it, and the fine-tuned SAM that belongs to a training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support import (
    DATASET,
    NEEDS_TRANSFORMERS,
    copy_prepared_for,
    log_of,
    make_trainer,
    nnunets_loss,
    prepare_tiny,
    seed_everything,
    set_nnunet_folders,
    started_epoch,
    train_epochs,
    weights_of,
    write_config,
)

from nnunetv2_muduo import trainers
from nnunetv2_muduo.data.generator_identity import label_digests
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.teacher_training.train2d.training import FINAL, STATE, FineTuning
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned
from nnunetv2_muduo.teachers.sam2d.slices import as_three_channels, from_canvases, to_canvases
from nnunetv2_muduo.trainers import fine_tuning as fine_tuning_module
from nnunetv2_muduo.trainers.cfr import METHODS
from nnunetv2_muduo.trainers.fine_tuning import fine_tuned_file, fine_tuning, settings_of
from nnunetv2_muduo.trainers.requirements import labeled_cases
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches

pytestmark = [NEEDS_TRANSFORMERS, pytest.mark.usefixtures("one_thread")]
NAME = "nnUNetTrainerCFR"
CONFIG = {"patch_size": 24, "num_epochs": 3, "sam": "tiny", "sam_iterations": 2, "uncertainty_passes": 2}


@pytest.fixture(scope="module")
def root_with_sam(prepared_root, tmp_path_factory):
    return copy_prepared_for([NAME], prepared_root, tmp_path_factory.mktemp("cfr") / "nnunet", **CONFIG)


@pytest.fixture
def dataset(root_with_sam, tmp_path, monkeypatch):
    root = shutil.copytree(root_with_sam, tmp_path / "nnunet")
    set_nnunet_folders(monkeypatch, root)
    write_config(monkeypatch, tmp_path, **CONFIG)
    return root


def built(name=NAME, **kwargs):
    trainer = make_trainer(name, **kwargs)
    trainer.initialize()
    return trainer


def sam_folder(root):
    (model,) = (root / "res" / DATASET).glob(f"{NAME}_FineTuning-*")
    return model / "fold_0"


def patches(generator):
    view, clean = (torch.randn(2, 2, 24, 24, 24, generator=generator) for _ in range(2))
    return UnlabeledPatches(view, {}, None, clean)


def test_pseudo_labels_equal_labeling_the_crop_by_hand(dataset):
    trainer = started_epoch(NAME)
    network = read_fine_tuned(sam_folder(dataset) / FINAL).network()
    crops = patches(torch.Generator().manual_seed(0)).clean_view
    assert trainer.slice_axis == 0  # of equal spacings the first
    for crop, labels in zip(crops, trainer.sam_labels(crops), strict=True):
        canvases = as_three_channels(to_canvases(crop, 0, 256))
        with torch.no_grad():
            by_hand = from_canvases(network(canvases).argmax(1, keepdim=True), crop.shape[1:], 0)
        assert torch.equal(labels.long(), by_hand)
    assert not trainer.sam.training


def test_the_sam_sees_the_moved_patch_before_augmentation_of_intensity(dataset, monkeypatch):
    trainer, seen = started_epoch(NAME), []
    monkeypatch.setattr(trainer, "sam_labels", lambda view: seen.append(view) or torch.zeros(2, 1, 24, 24, 24))
    batch = trainer.next_unlabeled()
    trainer.learn_from_unlabeled(batch, 1.0)
    assert torch.equal(seen[0], batch["data"][:, 2:])
    assert batch["data"].shape[1] == 4


def test_loss_is_nnunets_against_the_sams_labels_and_the_methods_by_its_weight(dataset, monkeypatch):
    trainer, generator = started_epoch(NAME), torch.Generator().manual_seed(0)
    trainer.current_epoch = 1
    logits = torch.randn(2, 3, 24, 24, 24, generator=generator, requires_grad=True)
    labels = torch.randint(0, 3, (2, 1, 24, 24, 24), generator=generator, dtype=torch.int16)
    monkeypatch.setattr(trainer, "sam_labels", lambda view: labels)
    batch, noise = patches(generator), trainer.noise_generator.get_state()
    loss, measures = trainer.unlabeled_loss(logits, batch)
    trainer.noise_generator.set_state(noise)
    difference = (logits.softmax(1) - trainer.teacher_probs(batch.student_view)).square().mean()
    rise = np.exp(-5 * (1 - min(1 / 1, 1)) ** 2)  # ramp_up_epochs of the tests' config
    expected = nnunets_loss(logits, labels) + 0.1 * rise * difference
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert measures["method_losses"] == pytest.approx(difference.item(), rel=1e-5)
    assert measures["sam_disagreement"] == pytest.approx(float((logits.argmax(1) != labels[:, 0]).float().mean()))
    assert trainer.consistency_weight() == 1.0


def test_weights_follow_the_paper(dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG, ramp_up_epochs=2)
    trainer = built()
    shares = []
    for trainer.current_epoch in range(3):
        shares.append(trainer.method_share())
        assert trainer.consistency_weight() == 1.0
    assert shares == pytest.approx([0.1 * np.exp(-5), 0.1 * np.exp(-1.25), 0.1])


@pytest.mark.parametrize("method", METHODS)
def test_any_method_goes_with_it(dataset, tmp_path, monkeypatch, method):
    write_config(monkeypatch, tmp_path, **CONFIG, semi_supervised_method=method, ramp_up_epochs=1)
    trainer = train_epochs(NAME, 2)
    assert type(trainer).__name__ == NAME
    assert isinstance(trainer, trainers.nnUNetTrainerCFR)
    assert isinstance(trainer, METHODS[method])
    curves = trainer.logger.local_logger.my_fantastic_logging
    assert np.isfinite(curves["sam_disagreement"]).all()
    assert np.isfinite(curves["method_losses"]).all() == (method != "none")
    assert set(METHODS[method].logged) <= set(trainer.logged)
    for key in trainer.logged:
        assert len(curves[key]) == 2
    assert hasattr(trainer, "mean_teacher") == ("mean_teacher" in method)
    assert hasattr(trainer, "peer") == (method == "cps")


@pytest.mark.parametrize("method_weight", [0.001, 0.0])
def test_with_cps_both_networks_learn_the_sams_labels(dataset, tmp_path, monkeypatch, method_weight):
    write_config(monkeypatch, tmp_path, **CONFIG, semi_supervised_method="cps", method_weight=method_weight)
    trainer = started_epoch(NAME)
    trainer.current_epoch = 2
    labels = torch.randint(0, 3, (2, 1, 24, 24, 24), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(trainer, "sam_labels", lambda view: labels)
    batch = patches(torch.Generator().manual_seed(1))
    logits, peer_logits = (network(batch.student_view)[0] for network in trainer.networks())
    loss, measures = trainer.unlabeled_loss(logits, batch)
    cross = sum(
        torch.nn.functional.cross_entropy(of, other.argmax(1))
        for of, other in ((logits, peer_logits), (peer_logits, logits))
    )
    own = nnunets_loss(logits, labels) + nnunets_loss(peer_logits, labels)
    assert loss.item() == pytest.approx((own + method_weight * cross).item(), rel=1e-4)
    assert measures["method_losses"] == pytest.approx(cross.item(), rel=1e-4)
    loss.backward()
    assert all(one.grad is not None for one in trainer.peer["network"].decoder.seg_layers[-1].parameters())


def test_a_method_that_it_does_not_go_with_is_refused(dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG, semi_supervised_method="sassnet")
    with pytest.raises(
        ValueError, match="semi_supervised_method must be one of mean_teacher, none, ua_mean_teacher, cps"
    ):
        make_trainer(NAME)


def test_the_file_says_what_it_was_made_from(dataset):
    trainer = built()
    made_from = read_fine_tuned(sam_folder(dataset) / FINAL).made_from
    assert made_from == json.loads(json.dumps(trainer.sam_made_from))
    assert made_from["labels"] == label_digests(labeled_cases(trainer))
    assert len(made_from["labels"]) == 4
    assert made_from["seen"] == {"channels": [0, 1], "n_classes": 3, "axis": 0, "patch_size": [24, 24, 24]}
    assert made_from["recipe"]["sam"] == "tiny"
    assert fine_tuned_file(trainer) == sam_folder(dataset) / FINAL


def test_it_is_made_once_and_goes_on_where_it_was_killed(dataset, monkeypatch):
    undisturbed = read_fine_tuned(sam_folder(dataset) / FINAL).weights
    began, step = [], FineTuning.step
    monkeypatch.setattr(FineTuning, "step", lambda self, crops: began.append(self.iteration) or step(self, crops))
    prepare_tiny(NAME)
    assert began == []
    (sam_folder(dataset) / FINAL).unlink()
    trainer = built()
    fine_tuning(trainer, settings_of(trainer.muduo_config), sam_folder(dataset)).run(most_seconds=0)
    assert (sam_folder(dataset) / STATE).is_file()
    prepare_tiny(NAME)
    assert began == [0, 1]
    again = read_fine_tuned(sam_folder(dataset) / FINAL).weights
    assert all(torch.equal(undisturbed[name], again[name]) for name in again)


def test_other_labels_make_another_one(dataset, tmp_path, monkeypatch):
    shutil.copy(sam_folder(dataset) / FINAL, tmp_path / "old.safetensors")
    prepare_tiny(NAME, fold="1")
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(tmp_path / "old.safetensors"))
    prepare_tiny(NAME)
    with pytest.raises(ValueError, match=r"old\.safetensors does not belong to this training: .* other labeled cases"):
        prepare_tiny(NAME, fold="1")
    write_config(monkeypatch, tmp_path, **{**CONFIG, "patch_size": 16}, sam_file=str(tmp_path / "old.safetensors"))
    with pytest.raises(ValueError, match="it sees other channels, classes, slices or patches"):
        make_trainer(NAME).on_train_start()
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(tmp_path / "none.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors: no such file"):
        make_trainer(NAME).on_train_start()


def test_a_named_file_may_have_any_recipe_and_any_place(dataset, tmp_path, monkeypatch):
    moved = shutil.copy(sam_folder(dataset) / FINAL, tmp_path / "moved.safetensors")
    train_epochs(NAME, 1)
    write_config(monkeypatch, tmp_path, **{**CONFIG}, sam_file=str(moved))
    assert "Fine-tuned SAM: " + str(moved) in log_of(train_epochs(NAME, 2, continue_training=True))
    write_config(monkeypatch, tmp_path, **{**CONFIG, "sam_iterations": 99}, sam_file=str(moved))
    assert started_epoch(NAME).sam_digest is not None
    prepare_tiny(NAME)
    assert len(list((dataset / "res" / DATASET).glob(f"{NAME}_FineTuning-*"))) == 1  # none for these iterations


def test_a_finished_training_needs_no_sam(dataset, tmp_path, monkeypatch):
    train_epochs(NAME, CONFIG["num_epochs"]).on_train_end()
    moved = shutil.move(sam_folder(dataset) / FINAL, tmp_path / "moved.safetensors")
    write_config(monkeypatch, tmp_path, **CONFIG, sam_file=str(moved))
    finished = make_trainer(NAME, continue_training=True)
    finished.load_checkpoint(f"{finished.output_folder}/checkpoint_final.pth")
    assert finished.is_finished


def test_another_seed_makes_another_sam(dataset, tmp_path, monkeypatch):
    before = read_fine_tuned(sam_folder(dataset) / FINAL)
    write_config(monkeypatch, tmp_path, **CONFIG, sam_seed=5)
    trainer = built()
    tuning = fine_tuning(trainer, settings_of(trainer.muduo_config), tmp_path / "other")
    assert tuning.made_from["recipe"] == before.made_from["recipe"] | {"seed": 5}
    assert fine_tuned_file(trainer).parent.parent != sam_folder(dataset).parent
    frozen = "sam.shared_image_embedding.positional_embedding"
    assert not torch.equal(tuning.network.state_dict()[frozen].cpu(), before.weights[frozen])


def test_going_on_with_another_sam_is_refused(dataset, tmp_path, monkeypatch):
    trainer = train_epochs(NAME, 1)
    file = sam_folder(dataset) / FINAL
    other = fine_tuning(built(), settings_of(trainer.muduo_config), tmp_path)
    other.step(next(other.draw(0)))
    file.rename(tmp_path / "kept.safetensors")
    with pytest.raises(ValueError, match=r"was trained with the fine-tuned SAM of sha256 \w+, and .* is not there"):
        train_epochs(NAME, 2, continue_training=True)
    shutil.copy(other.finish(), file)
    with pytest.raises(ValueError, match=r"is another one\. Continuing would mix two trainings"):
        train_epochs(NAME, 2, continue_training=True)
    shutil.copy(tmp_path / "kept.safetensors", file)
    train_epochs(NAME, 2, continue_training=True)


def test_patients_are_held_out_where_there_are_enough_of_them(dataset):
    trainer = built(fold="all")
    tuning = fine_tuning(trainer, settings_of(trainer.muduo_config), Path(trainer.output_folder))
    assert "held out to choose the best weights: labeled_" in log_of(trainer)
    assert len(tuning.held_out) == 2
    for pair in tuning.held_out:
        assert pair.images.shape == (2, 2, 24, 24, 24)
        assert (pair.labels[1] > 0).any(), "the second crop of a pair is drawn around an organ"
    trainer = built()
    assert fine_tuning(trainer, settings_of(trainer.muduo_config), Path(trainer.output_folder)).held_out == []
    assert "learns from 4 labeled cases; the last weights are kept" in log_of(trainer)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_third_of_the_crops_is_drawn_around_organs_also_one_by_one(dataset, monkeypatch, batch_size):
    trainer, loaders = built(), []
    own = fine_tuning_module.nnUNetDataLoader
    monkeypatch.setattr(
        fine_tuning_module, "nnUNetDataLoader", lambda *a, **k: loaders.append(own(*a, **k)) or loaders[-1]
    )
    fine_tuning(trainer, FineTuningSettings(sam="tiny", batch_size=batch_size), Path(trainer.output_folder))
    np.random.seed(0)  # noqa: NPY002 - what nnU-Net draws from
    around = [loaders[0].get_do_oversample(number % batch_size) for number in range(300)]
    assert sum(around) == pytest.approx(100 if batch_size == 1 else 150, abs=25)


def test_slices_that_are_larger_than_the_canvas_are_refused(dataset):
    trainer = built()
    with pytest.raises(ValueError, match="slices of 24 x 24 don't fit on a canvas of 16 x 16"):
        trainer.require_slices_fit(16)


def test_without_the_extra_nothing_begins(dataset, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RuntimeError, match=r"nnunetv2_muduo\[cfr\]"):
        make_trainer(NAME).on_train_start()


def test_of_pet_alone_the_sam_sees_pet_alone(dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG, student_channels="pet")
    trainer = built()
    tuning = fine_tuning(trainer, settings_of(trainer.muduo_config), tmp_path)
    assert next(tuning.draw(0)).images.shape == (2, 1, 24, 24, 24)
    assert trainer.sam_made_from["seen"]["channels"] == [1]


def test_the_student_starts_with_nnunets_weights(dataset):
    student = started_epoch(NAME)
    seed_everything()
    supervised = make_trainer("nnUNetTrainerMuDuo_Supervised")
    supervised.on_train_start()
    for name, weights in weights_of(student.network).items():
        assert torch.equal(weights, weights_of(supervised.network)[name])


def test_list_names_it_and_who_uses_it_and_clean_removes_what_nobody_does(dataset, capsys):
    from nnunetv2_muduo.cli.prepared import clean_prepared, show_prepared

    folder, trained = sam_folder(dataset), train_epochs(NAME, 1)
    show_prepared(DATASET)
    said = capsys.readouterr().out
    of_sam = said[said.index("fine-tuned SAM: fold_0, sha256 " + trained.sam_digest[:8]) :].splitlines()
    assert str(folder) in of_sam[1]
    assert f"used by: {Path(trained.output_folder).parent.name}/fold_0" in of_sam[2]
    clean_prepared(DATASET, yes=True)
    assert (folder / FINAL).is_file()
    Path(trained.output_folder, "checkpoint_final.pth").write_bytes(b"torn: nobody can tell what has taught it")
    clean_prepared(DATASET, yes=True)
    assert (folder / FINAL).is_file()
    shutil.rmtree(Path(trained.output_folder).parent)
    clean_prepared(DATASET, yes=True)
    assert not folder.parent.exists()
