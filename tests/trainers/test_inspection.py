import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import started_trainer, write_config

from nnunetv2_muduo.teachers.patch_space import patch_probs
from nnunetv2_muduo.trainers.inspection import inspect_patches


def random_states() -> list:
    return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002


def test_a_consultation_says_what_the_teachers_say(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, average_share=0.0, least_agreement=0.0)
    trainer = started_trainer()
    trainer.network.train()
    before = random_states(), trainer.mixing_generator.get_state().tolist()
    inspection = inspect_patches(trainer)
    assert (random_states(), trainer.mixing_generator.get_state().tolist()) == before
    assert trainer.network.training
    assert all(parameter.grad is None for parameter in trainer.network.parameters())

    first, second = inspection.patches
    assert first.case < second.case
    views = torch.stack([first.views, second.views])
    with torch.no_grad():
        probs = trainer.network.eval()(views[:, :2])[0].softmax(1)
        images = {"ct": views[:, 2:3], "pet": views[:, 3:4]}
        prompt_map = torch.stack([first.prompt_map, second.prompt_map])
        teacher_logits = trainer.ensemble.predict(images, prompt_map, probs, inspection.pairs)
    assert torch.equal(inspection.student_labels, probs.argmax(1))
    for pair in range(len(inspection.pairs)):
        sample, organ = int(inspection.pairs.samples[pair]), int(inspection.pairs.organs[pair])
        ct, pet = (patch_probs(teacher_logits[m][pair : pair + 1], (24, 24, 24))[0] for m in ("ct", "pet"))
        expected = (ct * pet).sum() / (ct + pet - ct * pet).sum()
        assert inspection.agreement[sample, organ] == pytest.approx(float(expected), rel=1e-4)
        assert torch.equal(inspection.masks["ct"][pair], ct > 0.5)
        assert torch.equal(inspection.masks["mixed"][pair], (ct + pet) / 2 > 0.5)
    assert "average" not in inspection.masks
    valid = ~inspection.agreement.isnan()
    assert valid.any()
    best = inspection.agreement.nan_to_num(-1).argmax(0)
    for organ in range(2):
        n_valid = int(valid[:, organ].sum())
        assert inspection.kept[:, organ].sum() == min(n_valid, 1)
        assert n_valid == 0 or inspection.kept[best[organ], organ]


def test_the_average_and_a_share_of_ct_of_each_patch(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, ct_teacher="small", pet_teacher="small", average_share=0.5, teachers="pet")
    alone = inspect_patches(started_trainer())
    assert alone.masks.keys() == {"pet", "average", "mixed"}
    write_config(monkeypatch, tmp_path, ct_teacher="small", pet_teacher="small", average_share=0.5)
    trainer = started_trainer()
    inspection = inspect_patches(trainer, alphas=torch.tensor([0.0, 1.0]))
    of_sample = inspection.pairs.samples
    assert {0, 1} == set(of_sample.tolist())
    views = torch.stack([patch.views for patch in inspection.patches])
    average = trainer.average_probs(views[:, :2])[of_sample, 1 + inspection.pairs.organs]
    assert torch.equal(inspection.masks["average"], average > 0.5)
    trainer.muduo_config = replace(trainer.muduo_config, average_share=0.0)
    inspection = inspect_patches(trainer, alphas=torch.tensor([0.0, 1.0]))
    for pair, sample in enumerate(of_sample.tolist()):
        teacher = inspection.masks["pet" if sample == 0 else "ct"][pair]
        assert torch.equal(inspection.masks["mixed"][pair], teacher)
