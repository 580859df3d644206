"""SemiSAM+: one generalist, prompted by the student's own organs, whose say falls."""

import math

import pytest
import torch
from support import log_of, make_trainer, write_config

from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches


def started(tmp_path, monkeypatch, **config):
    write_config(monkeypatch, tmp_path, num_epochs=10, ramp_up_epochs=2, generalist_rounds=3, **config)
    trainer = make_trainer("nnUNetTrainerSemiSAMPlus")
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return trainer


@pytest.fixture
def trainer(prepared_dataset, tmp_path, monkeypatch):
    return started(tmp_path, monkeypatch)


def logits_with(organ_box, shape):
    """Logits that are sure of organ 1 in a box and of background elsewhere."""
    logits = torch.zeros(1, 3, *shape)
    logits[:, 0] = 4
    logits[(0, 1, *organ_box)] = 8
    return logits.requires_grad_()


@pytest.mark.parametrize("prompt", ["clicks", "mask"])
@pytest.mark.parametrize("generalist", ["ct", "pet"])
def test_the_generalist_of_the_config_teaches_the_organs_that_the_student_sees(
    prepared_dataset, tmp_path, monkeypatch, generalist, prompt
):
    trainer = started(tmp_path, monkeypatch, generalist=generalist, generalist_prompt=prompt)
    assert list(trainer.ensemble.teachers) == [generalist]
    encoded, teacher = [], trainer.ensemble.teachers[generalist]
    monkeypatch.setattr(teacher, "encode", lambda image, own=teacher.encode: encoded.append(len(image)) or own(image))
    batch = trainer.next_unlabeled()
    outcome = trainer.learn_from_unlabeled(batch, 0.1)
    assert sum(encoded) == len(batch["data"])  # once per patch, for all organs
    assert outcome["generalist_losses"] > 0


def test_its_loss_is_the_weighted_difference_from_its_answer(trainer, monkeypatch):
    shape = trainer.patch_size
    box = (slice(2, 9), slice(4, 11), slice(3, 8))
    logits = logits_with(box, shape)
    probs = logits.softmax(1)
    asked, mask, variance = [], torch.rand(1, *shape) > 0.5, torch.rand(1, *shape) / 4

    def answer(embedding, student_probs, organs):
        asked.append((embedding.shape[0], organs, student_probs.requires_grad))
        return mask, variance

    monkeypatch.setattr(trainer, "ask", answer)
    loss = trainer.generalist_loss(probs, {"ct": torch.randn(1, 1, *shape)})
    weights = 1 - 4 * variance
    expected = ((probs[:, 1].detach() - mask.float()) ** 2 * weights).sum() / weights.sum()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert asked == [(1, [0], False)]
    loss.backward()
    assert logits.grad.abs().sum() > 0


def test_organs_that_the_student_does_not_see_are_not_asked_about(trainer, monkeypatch):
    monkeypatch.setattr(trainer, "ask", None)  # it would fail
    logits = torch.zeros(1, 3, *trainer.patch_size)
    logits[:, 0] = 5
    assert float(trainer.generalist_loss(logits.softmax(1), {"ct": torch.randn(1, 1, *trainer.patch_size)})) == 0


@pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_clicks_lie_in_the_students_organ_whatever_the_axes(trainer, monkeypatch, transpose):
    from nnunetv2_muduo.teachers import patch_space

    trainer.ensemble.axes = patch_space.teacher_axes(transpose)
    box = (slice(2, 5), slice(9, 15), slice(17, 20))
    probs = logits_with(box, trainer.patch_size).detach().softmax(1)
    image = torch.randn(1, 1, *trainer.patch_size)
    seen = []
    teacher = trainer.ensemble.teachers["ct"]
    own = teacher.decode
    monkeypatch.setattr(teacher, "decode", lambda e, points, masks: seen.append(points) or own(e, points, masks))
    answer, variance = trainer.ask(trainer.ensemble.encode("ct", image), probs[0], [0])
    assert answer.shape == variance.shape == (1, *trainer.patch_size)
    organ = patch_space.to_teacher_axes(probs[0].argmax(0) == 1, trainer.ensemble.axes)
    (places, labels), *_ = seen
    assert labels.tolist() == [[1]]
    assert organ[tuple(places[0, 0].long().tolist())]


@pytest.mark.parametrize("prompt", ["clicks", "mask"])
def test_an_answer_that_is_not_finite_teaches_nothing_and_is_counted(prepared_dataset, tmp_path, monkeypatch, prompt):
    trainer = started(tmp_path, monkeypatch, generalist_prompt=prompt)
    shape = trainer.patch_size
    logits = torch.zeros(1, 3, *shape)
    logits[:, 0] = 4
    logits[0, 1, 2:9, 4:11, 3:8] = logits[0, 2, 12:18, 12:18, 12:18] = 8
    logits.requires_grad_()
    patches = UnlabeledPatches(torch.randn(1, 2, *shape), {"ct": torch.randn(1, 1, *shape)}, None)
    teacher = trainer.ensemble.teachers["ct"]

    def spoilt(*args, own=teacher.decode, n=2):
        """Of two organs the first answer is spoilt, of all it is both."""
        answers = own(*args)
        answers[:n] = torch.nan
        return answers

    both, _ = (
        trainer.generalist_loss(logits.softmax(1), patches.physical),
        monkeypatch.setattr(teacher, "decode", spoilt),
    )
    assert both > 0
    _, measures = trainer.unlabeled_loss(logits, patches)
    assert measures["generalist_losses"] == 0
    assert trainer.n_not_finite == 2
    monkeypatch.setattr(teacher, "decode", lambda *args: spoilt(*args, n=1))
    loss, measures = trainer.unlabeled_loss(logits, patches)
    assert torch.isfinite(loss)
    assert 0 < measures["generalist_losses"] < 1
    assert trainer.n_not_finite == 3
    trainer.epoch_measures({"generalist_losses": [0.1]})
    assert trainer.n_not_finite == 0
    assert "WARNING: the generalist's answers about 3 organs were not finite numbers" in log_of(trainer)


def test_its_weight_falls_as_the_other_rises(trainer):
    weights = []
    for epoch in (0, 3, 9):
        trainer.current_epoch = epoch
        weights.append(trainer.generalist_weight())
    expected = [0.01 * math.exp(-5 * (epoch / 10) ** 2) for epoch in (0, 3, 9)]
    assert weights == pytest.approx(expected)


def test_both_terms_have_the_weights_that_are_theirs(trainer, monkeypatch):
    trainer.current_epoch = 4
    logits = torch.randn(1, 3, *trainer.patch_size, requires_grad=True)
    view = torch.randn(1, 2, *trainer.patch_size)
    monkeypatch.setattr(trainer, "generalist_loss", lambda probs, physical: probs.sum() * 0 + 3.0)
    monkeypatch.setattr(trainer, "teacher_probs", lambda view: torch.full(logits.shape, 1 / 3))
    loss, measures = trainer.unlabeled_loss(logits, UnlabeledPatches(view, {}, None))
    agreement = (logits.detach().softmax(1) - 1 / 3).square().mean()
    total = trainer.consistency_weight() * float(loss)
    expected = trainer.consistency_weight() * float(agreement) + trainer.generalist_weight() * 3
    assert total == pytest.approx(expected, rel=1e-5)
    assert float(measures["generalist_losses"]) == pytest.approx(3)


def test_a_generalist_of_a_modality_that_is_not_there_is_refused(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, generalist="pet")
    trainer = make_trainer("nnUNetTrainerSemiSAMPlus")
    trainer.dataset_json = trainer.dataset_json | {"channel_names": {"0": "CT", "1": "CT"}}
    with pytest.raises(NotImplementedError, match=r"asks a generalist on PET, but dataset\.json has CT, CT"):
        trainer.initialize()
