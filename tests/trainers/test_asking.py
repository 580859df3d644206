"""Whose map prompts the teachers, on which view and about which organs, in a training of the tiny data set."""

from dataclasses import replace

import pytest
import torch
from support import log_of, started_epoch, write_config

from nnunetv2_muduo.data.loader import StudentOnly
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches


class Asked:
    """Teachers that note what they were asked, and answer nothing."""

    def predict(self, images, prompt_map, student_probs, pairs, chunk=None):
        self.prompt_map, self.probs, self.pairs = prompt_map, student_probs, pairs
        return {m: torch.zeros(len(pairs), 1, 24, 24, 24) for m in ("ct", "pet")}


def a_batch() -> UnlabeledPatches:
    generator = torch.Generator().manual_seed(0)
    student_view, clean_view = (torch.randn(2, 2, 24, 24, 24, generator=generator) for _ in range(2))
    prompt_map = torch.zeros(2, 1, 24, 24, 24, dtype=torch.int16)
    prompt_map[0, 0, 5:9, 5:9, 5:9] = 1
    return UnlabeledPatches(student_view, {}, prompt_map, clean_view)


def asked_with(trainer, patches, probs, **config) -> Asked:
    trainer.muduo_config = replace(trainer.muduo_config, **config)
    trainer.ensemble = Asked()
    trainer.ask(patches, probs)
    return trainer.ensemble


def test_network_and_view_that_prompt_are_the_configs(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, prompting_network="average", prompting_view="clean", ema_decay=0.5)
    trainer = started_epoch()
    batch = next(trainer.dataloader_unlabeled)
    assert batch["data"].shape[1] == 6
    for _ in range(2):
        trainer.train_step(next(trainer.dataloader_train))
    patches = a_batch()
    with torch.no_grad():
        of = {
            (who, view): network(getattr(patches, f"{view}_view"))[0].softmax(1)
            for who, network in [("student", trainer.network), ("average", trainer.mean_teacher.module)]
            for view in ("student", "clean")
        }
    assert not torch.equal(of["student", "clean"], of["average", "clean"])
    for who, network in [("student", "student"), ("average", "average")]:
        for view, of_view in [("augmented", "student"), ("clean", "clean")]:
            fields = {"prompting_network": network, "prompting_view": view}
            asked = asked_with(trainer, patches, of["student", "student"], **fields)
            torch.testing.assert_close(asked.probs, of[who, of_view])
    assert trainer.network.training


def views_of_steps(n_steps: int) -> list[UnlabeledPatches]:
    trainer, seen = started_epoch(), []
    trainer.ask = lambda patches, probs: seen.append(patches) or 1 / 0
    for _ in range(n_steps):
        with pytest.raises(ZeroDivisionError):
            trainer.learn_from_unlabeled(next(trainer.dataloader_unlabeled), 1.0)
    return seen


def test_the_clean_view_is_the_students_without_changes_of_intensity(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, prompting_view="clean")
    seen = views_of_steps(3)
    assert any(not torch.equal(patches.clean_view, patches.student_view) for patches in seen)
    assert all(patches.clean_view.shape == patches.student_view.shape for patches in seen)
    monkeypatch.setattr(StudentOnly, "__call__", lambda self, **patch: patch)
    assert all(torch.equal(patches.clean_view, patches.student_view) for patches in views_of_steps(3))


@pytest.mark.parametrize("valid_by", ["prompt_map", "student", "either"])
def test_an_organ_is_asked_about_where_the_wanted_map_shows_it(prepared_dataset, valid_by):
    trainer = started_epoch()
    patches, probs = a_batch(), torch.zeros(2, 3, 24, 24, 24)
    probs[:, 0] = 0.5
    probs[:, 2, 15:18, 15:18, 15:18] = 1  # the student sees a spleen in both, the prompt map a liver in the first
    asked = asked_with(trainer, patches, probs, valid_by=valid_by)
    expected = {"prompt_map": [{0}, set()], "student": [{1}, {1}], "either": [{0, 1}, {1}]}[valid_by]
    assert [set(boxes) for boxes in asked.pairs.boxes] == expected
    again = valid_pairs(asked.prompt_map, trainer.organ_labels)
    assert again.boxes == asked.pairs.boxes
    if valid_by != "prompt_map":
        assert (asked.prompt_map == 2).sum() == 2 * 27


def test_without_an_average_there_is_none(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, average_share=0.0)
    trainer = started_epoch()
    assert not hasattr(trainer, "mean_teacher")
    assert next(trainer.dataloader_unlabeled)["data"].shape[1] == 4


def test_the_average_has_a_voice_that_grows_over_the_training(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, average_share=0.8, num_epochs=4)
    trainer = started_epoch()
    patches = a_batch()
    answers = asked_answers(trainer, patches)
    assert torch.equal(answers.average_probs, trainer.average_probs(patches.student_view))
    shares = []
    for trainer.current_epoch in range(4):
        shares.append(trainer.mixture(answers, torch.zeros(1)).average_share)
    assert shares == pytest.approx([0, 0.2, 0.4, 0.6])


def asked_answers(trainer, patches):
    trainer.ensemble = Asked()
    return trainer.ask(patches, torch.full((2, 3, 24, 24, 24), 1 / 3))


def test_answers_that_are_not_finite_are_counted_and_teach_nothing(prepared_dataset):
    trainer = started_epoch()
    predict = trainer.ensemble.predict

    def broken(*arguments):
        logits = predict(*arguments)
        logits["pet"][:] = torch.nan
        return logits

    trainer.ensemble.predict = broken
    outputs = [trainer.train_step(next(trainer.dataloader_train)) for _ in range(2)]
    n = sum(int(output["n_not_finite"].sum()) for output in outputs)
    assert n > 0
    assert all(output["n_kept"].sum() == output["consistency_loss"] == 0 for output in outputs)
    trainer.on_train_epoch_end(outputs)
    assert f"WARNING: the teachers' answers to {n} (sample, organ) pairs were not finite numbers" in log_of(trainer)
