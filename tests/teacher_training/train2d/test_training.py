"""A fine-tuning: what it changes, its schedule, its best weights, and going on where it stopped."""

from itertools import count

import pytest
import torch
from support import NEEDS_TRANSFORMERS

from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teacher_training.train2d import training as training_module
from nnunetv2_muduo.teacher_training.train2d.losses import cross_entropy_and_dice
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.teacher_training.train2d.training import FINAL, HISTORY, STATE, Crops, FineTuning
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned
from nnunetv2_muduo.teachers.sam2d.labeling import canvases_of
from nnunetv2_muduo.teachers.sam2d.network import build
from nnunetv2_muduo.teachers.sam2d.slices import to_canvases

pytestmark = [NEEDS_TRANSFORMERS, pytest.mark.usefixtures("one_thread")]
MADE_FROM = {"labels": {"a": "1"}, "seen": {"n_classes": 3}}


def crops(number):
    """Balls, class 1 dark and class 2 bright."""
    generator = torch.Generator().manual_seed(number)
    grid = torch.stack(torch.meshgrid(*[torch.arange(24.0)] * 3, indexing="ij"))
    labels = torch.zeros(1, 1, 24, 24, 24, dtype=torch.int16)
    for value in (1, 2):
        center = 6 + 12 * torch.rand(3, generator=generator)
        labels[0, 0][(grid - center[:, None, None, None]).square().sum(0) < 25] = value
    images = torch.tensor([0.0, -2.0, 2.0])[labels.long()] + 0.1 * torch.randn(labels.shape, generator=generator)
    return Crops(images, labels)


def training(folder, held_out=(), seed=0, **settings):
    torch.manual_seed(seed)
    settings = FineTuningSettings("tiny", **{"n_iterations": 4, "batch_size": 1, **settings})
    network = build("tiny", 3, settings.lora_rank)
    folder.mkdir(exist_ok=True)
    said = []
    tuning = FineTuning(
        network, settings, 0, lambda n: map(crops, count(n)), list(held_out), folder, MADE_FROM, said.append
    )
    tuning.said = said
    return tuning


def test_the_loss_is_that_of_the_crops_canvases(tmp_path):
    tuning, batch = training(tmp_path), crops(0)
    tuning.network.eval()
    labels = to_canvases(batch.labels[0], 0, 256, fill=255)[:, 0]
    expected = cross_entropy_and_dice(tuning.network(canvases_of(batch.images, 0, 256)), labels)
    torch.testing.assert_close(tuning.loss(batch), expected)
    assert (labels == 255).float().mean() > 0.5  # what no slice covers


def test_at_its_start_lora_changes_nothing(tmp_path):
    tuning = training(tmp_path, lora_rank=4)
    image = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        before = tuning.network(image)
        for layer in tuning.network.sam.vision_encoder.layers:
            layer.attn.qkv = layer.attn.qkv.qkv
        assert torch.equal(tuning.network(image), before)


def test_only_lora_prompt_encoder_and_decoder_change(tmp_path):
    tuning = training(tmp_path)
    before = {name: one.clone() for name, one in tuning.network.state_dict().items()}
    assert tuning.run() == tmp_path / FINAL
    after = read_fine_tuned(tmp_path / FINAL).weights
    changed = {name for name, one in before.items() if not torch.equal(one, after[name])}
    assert all("qkv.query_" in name or "qkv.value_" in name for name in changed if "vision_encoder" in name)
    assert sum("vision_encoder" in name for name in changed) == 2 * 4  # of two blocks
    assert "sam.prompt_encoder.no_mask_embed.weight" in changed
    assert any("mask_decoder" in name for name in changed)
    assert not any("shared" in name for name in changed)


def test_the_learning_rate_falls_as_published(tmp_path):
    tuning, rates = training(tmp_path, n_iterations=5, lr=0.01), []
    for number in range(5):
        tuning.step(crops(number))
        rates.append(tuning.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01 * (1 - i / 5) ** 0.9 for i in range(5)])
    assert tuning.optimizer.param_groups[0]["weight_decay"] == 0.1


def test_stopped_between_two_looks_it_ends_as_undisturbed(tmp_path, monkeypatch):
    """A look that nothing planned could change which weights are best, and the mean loss of the next one."""
    monkeypatch.setattr(training_module, "N_LOOKS", 2)
    training(tmp_path / "one", [crops(100)], n_iterations=6).run()
    begun = training(tmp_path / "two", [crops(100)], n_iterations=6)
    assert begun.run(most_seconds=0) is None
    assert begun.said == begun.history == []
    continued = training(tmp_path / "two", [crops(100)], n_iterations=6, seed=7)
    continued.resume()
    continued.run()
    histories = [read_json(tmp_path / name / HISTORY)["history"] for name in ("one", "two")]
    assert [look["iteration"] for look in histories[0]] == [3, 6]
    assert histories[0] == histories[1]


def test_a_loss_that_is_not_finite_touches_no_weight(tmp_path):
    tuning = training(tmp_path)
    tuning.step(crops(0))
    before = {name: one.clone() for name, one in tuning.network.state_dict().items()}
    spoilt = crops(1)
    spoilt.images[0, 0, 0, 0, 0] = float("nan")
    tuning.step(spoilt)
    assert all(torch.equal(one, before[name]) for name, one in tuning.network.state_dict().items())
    for _ in range(18):
        tuning.step(spoilt)
    with pytest.raises(RuntimeError, match="not finite in 20 steps in a row"):
        tuning.step(spoilt)


def test_held_out_crops_without_an_organ_choose_nothing(tmp_path, monkeypatch):
    tuning = training(tmp_path, [crops(100)])
    monkeypatch.setattr(training_module, "mean_dice", lambda counts: None)
    tuning.run()
    history = read_json(tmp_path / HISTORY)["history"]
    assert [look["dice"] for look in history] == [None] * 4
    last = tuning.network.state_dict()
    assert all(torch.equal(one, last[name]) for name, one in read_fine_tuned(tmp_path / FINAL).weights.items())


@pytest.mark.parametrize("held_out", [True, False])
def test_stopped_and_continued_it_ends_as_undisturbed(tmp_path, held_out):
    measured = [crops(100)] if held_out else []
    training(tmp_path / "one", measured).run()
    begun = training(tmp_path / "two", measured)
    assert begun.run(most_seconds=0) is None
    assert "Fine-tuning, iteration 1 of 4: loss" in begun.said[-1]
    assert (tmp_path / "two" / STATE).is_file()
    continued = training(tmp_path / "two", measured, seed=7)
    continued.resume()
    assert continued.iteration == 1
    continued.run()
    one, two = (read_fine_tuned(tmp_path / name / FINAL).weights for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    histories = [read_json(tmp_path / name / HISTORY)["history"] for name in ("one", "two")]
    assert histories[0] == histories[1]
    assert not (tmp_path / "two" / STATE).exists()


def test_another_training_is_not_continued(tmp_path):
    training(tmp_path).run(most_seconds=0)
    other = training(tmp_path)
    other.made_from = {**MADE_FROM, "labels": {"a": "2"}}
    with pytest.raises(ValueError, match="has another labels; continue it as it was begun"):
        other.resume()


def test_the_weights_that_were_best_on_held_out_crops_are_kept(tmp_path, monkeypatch):
    tuning, dice = training(tmp_path, [crops(100)]), iter([0.1, 0.7, 0.3, 0.7])
    monkeypatch.setattr(tuning, "dice_held_out", lambda: next(dice))
    kept, look = [], tuning.look_and_save
    name = "sam.prompt_encoder.no_mask_embed.weight"
    monkeypatch.setattr(
        tuning, "look_and_save", lambda: (look(), kept.append(tuning.network.state_dict()[name].clone()))
    )
    tuning.run()
    assert torch.equal(read_fine_tuned(tmp_path / FINAL).weights[name], kept[1])


def test_it_learns(tmp_path):
    tuning = training(tmp_path, [crops(100), crops(101)], n_iterations=160)
    tuning.network.requires_grad_(True)  # as is done with random weights
    tuning.__post_init__()
    before = tuning.dice_held_out()
    for number in range(50):
        tuning.step(crops(number))
    assert tuning.dice_held_out() > before + 0.1


@pytest.mark.parametrize(("field", "value"), [("n_iterations", 0), ("batch_size", 0), ("lr", 2.0), ("seed", -1)])
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        FineTuningSettings(**{field: value})
