"""Mean Teacher against a literal moving average, on PET/CT, on PET alone and on one channel of MRI."""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from support import DATASET, make_trainer, train_epochs, weights_of, write_config

from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches

NAME = "nnUNetTrainerMeanTeacher"


def started(name=NAME):
    trainer = make_trainer(name)
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return trainer


def equal(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def test_the_teacher_is_the_moving_average_of_steps_that_were_taken(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, ema_decay=0.6)
    trainer = started()
    mean, n = None, 0
    for step in range(5):
        batch = next(trainer.dataloader_train)
        if step == 2:
            batch["data"] = torch.full_like(batch["data"], float("nan"))
        trainer.train_step(batch)
        own = weights_of(trainer.network)
        if step != 2:
            decay = min(1 - 1 / (n + 1), 0.6)
            mean = {name: (decay * mean[name] if mean else 0) + (1 - decay) * w for name, w in own.items()}
            n += 1
    average = trainer.mean_teacher.module.state_dict()
    for name, expected in mean.items():
        torch.testing.assert_close(average[name], expected)
    assert not equal(mean, own)
    assert int(trainer.mean_teacher.n_averaged) == 4


def test_the_loss_is_the_mean_squared_difference_of_probabilities(prepared_dataset):
    trainer = started()
    view = torch.randn(2, 2, 24, 24, 24)
    logits = torch.randn(2, 3, 24, 24, 24, requires_grad=True)
    noise_state = trainer.noise_generator.get_state()
    loss, measures = trainer.unlabeled_loss(logits, UnlabeledPatches(view, {}, None))
    noise = 0.1 * torch.randn(view.shape, generator=torch.Generator().manual_seed(0).set_state(noise_state))
    assert noise.abs().max() > 0.2  # so that some of it is cut off
    with torch.no_grad():
        teacher = torch.softmax(trainer.mean_teacher.module(view + noise.clamp(-0.2, 0.2))[0], 1)
    expected = ((torch.softmax(logits, 1) - teacher) ** 2).sum() / logits.numel()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad.abs().max() > 0
    assert measures == {}
    assert not any(parameter.requires_grad for parameter in trainer.mean_teacher.parameters())


def test_continued_training_equals_an_undisturbed_one_bit_for_bit(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, num_epochs=4, picture_every_epochs=1)
    undisturbed = train_epochs(NAME, 3)
    train_epochs(NAME, 2)
    continued = train_epochs(NAME, 3, continue_training=True)
    assert equal(weights_of(undisturbed.network), weights_of(continued.network))
    assert equal(weights_of(undisturbed.mean_teacher), weights_of(continued.mean_teacher))
    logged = [t.logger.local_logger.my_fantastic_logging["consistency_losses"] for t in (undisturbed, continued)]
    assert logged[0] == logged[1]
    assert min(logged[0]) > 0


@pytest.mark.slow
def test_it_needs_no_teacher_file_no_generator_and_no_prompt_map(tiny_dataset_copy, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, ct_teacher="/gone.pth", num_epochs=1)
    results = tiny_dataset_copy / "res"
    shutil.rmtree(results)  # of other tests' trainers
    results.mkdir()
    trainer = make_trainer("nnUNetTrainerMeanTeacher")
    trainer.run_training()
    assert list((tiny_dataset_copy / "pre" / DATASET).rglob("prompt_maps")) == []
    assert [p.name for p in (results / DATASET).iterdir()] == ["nnUNetTrainerMeanTeacher__nnUNetPlans__3d_fullres"]
    log = open(trainer.log_file).read()
    assert "Config fields of other methods, not read by this one: ct_teacher, pet_teacher." in log
    assert "Labeled 4 / unlabeled 4 / validation 1 cases" in log
    assert trainer.configuration_manager.patch_size == [40, 40, 40]  # the plan's own
    checkpoint = torch.load(f"{trainer.output_folder}/checkpoint_final.pth", weights_only=False)
    assert not any("mean_teacher" in name for name in checkpoint["network_weights"])


def test_its_curves_are_drawn_and_reported(prepared_dataset, tmp_path, monkeypatch):
    from nnunetv2_muduo.cli import main

    write_config(monkeypatch, tmp_path, num_epochs=1)
    trainer = make_trainer("nnUNetTrainerMeanTeacher")
    trainer.run_training()
    table = (prepared_dataset / "res").rglob("muduo_progress.csv")
    assert "consistency_loss" in next(table).read_text().splitlines()[0]
    assert "failed after epoch" not in open(trainer.log_file).read()
    assert main(["report", trainer.output_folder]) == 0


def test_a_student_of_pet_alone_never_sees_ct(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, student_channels="pet", num_epochs=1)
    trainer = started()
    assert "The student sees PET alone." in open(trainer.log_file).read()
    assert next(iter(trainer.network.state_dict().values())).shape[1] == 1
    views = torch.randn(1, 2, 40, 40, 40)
    other = torch.cat([torch.randn(1, 1, 40, 40, 40), views[:, 1:]], 1)
    trainer.network.eval()
    with torch.no_grad():
        assert torch.equal(trainer.network(views)[0], trainer.network(other)[0])
    outcome = trainer.train_step(next(trainer.dataloader_train))
    assert np.isfinite([outcome["loss"], outcome["consistency_loss"]]).all()


def make_mri(root):
    """The tiny data set's PET as whole numbers of a channel named MRI, normalized within a mask."""
    for name in ("imagesTr", "imagesUn"):
        for file in (root / "raw" / DATASET / name).glob("*_0000.nii.gz"):
            file.unlink()
        for file in (root / "raw" / DATASET / name).glob("*_0001.nii.gz"):
            file.rename(file.with_name(file.name.replace("_0001", "_0000")))
    path = root / "raw" / DATASET / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"channel_names": {"0": "MRI"}}))


@pytest.mark.slow
def test_one_channel_of_mri_trains_and_predicts_with_the_stock_commands(tmp_path, monkeypatch):
    import os
    import subprocess
    import sys
    from pathlib import Path

    from support import plan_and_preprocess, set_nnunet_folders, use_threads, write_raw_dataset

    set_nnunet_folders(monkeypatch, tmp_path)
    write_raw_dataset(tmp_path / "raw" / DATASET)
    make_mri(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        use_threads(patch)
        plan_and_preprocess(1)
    write_config(monkeypatch, tmp_path, num_epochs=1, patch_size=32)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    binaries = Path(sys.executable).parent

    def run(command):
        name, *arguments = command.split()
        finished = subprocess.run([binaries / name, *arguments], capture_output=True, text=True, env=environment)
        assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
        return finished.stdout

    log = run("nnUNetv2_train 1 3d_fullres 0 -tr nnUNetTrainerMeanTeacher -device cpu")
    assert "becomes [32, 32, 32], as the config says" in log
    assert "Mean Validation Dice" in log
    out = tmp_path / "predictions"
    model = "-d 1 -c 3d_fullres -f 0 -tr nnUNetTrainerMeanTeacher -device cpu --disable_tta -npp 0 -nps 0"
    run(f"nnUNetv2_predict -i {tmp_path / 'raw' / DATASET / 'imagesUn'} -o {out} {model}")
    assert len(list(out.glob("*.nii.gz"))) == 4


def test_what_a_copy_of_the_trainer_would_lose_is_in_the_checkpoint(prepared_dataset):
    trainer = started()
    trainer.train_step(next(trainer.dataloader_train))
    state, random_states = copy.deepcopy(trainer.own_state()), copy.deepcopy(trainer.random_states())
    before = weights_of(trainer.mean_teacher)
    trainer.train_step(next(trainer.dataloader_train))
    assert not equal(before, weights_of(trainer.mean_teacher))
    trainer.restore(state)
    trainer.set_random_states(random_states)
    assert equal(before, weights_of(trainer.mean_teacher))
    assert torch.equal(trainer.noise_generator.get_state(), random_states["noise"])
