"""Evaluation of teachers: figures of a teacher whose answers are known, groups of patients, and the command."""

import json
import sys
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from benchmarks.small_teachers import evaluate
from benchmarks.small_teachers.real_ct import real_ct_volumes
from benchmarks.small_teachers.train_small_teachers import three_groups
from nnunetv2_muduo.teacher_training.crops import Cropper
from nnunetv2_muduo.teachers.small import SMALL_CONFIG, untrained_teacher
from nnunetv2_muduo.teachers.weights import save_teacher


class TeacherOfMasks:
    """Answers with its mask prompt, and to points without one with the whole crop."""

    low_res_size, image_size = 16, 16

    def encode(self, image):
        return torch.zeros(len(image), 1)

    def decode(self, embeddings, points, masks):
        masks = masks.expand(max(len(embeddings), len(masks)), *masks.shape[1:])
        return torch.where(masks.flatten(1).any(1)[:, None, None, None, None], masks, torch.ones_like(masks))


def test_figures_of_a_teacher_whose_answers_are_known(volumes):
    cropper = Cropper("ct", 16, 256, flip_axes=())
    crops = evaluate.held_out_crops(volumes, cropper, 4)
    figures = evaluate.measure(TeacherOfMasks(), crops)
    of_organs = defaultdict(list)  # Dice of the whole crop
    for crop in crops:
        for organ, mask in zip(crop.organs, crop.truth_mask, strict=True):
            of_organs[organ].append(2 * int(mask.sum()) / (int(mask.sum()) + mask.numel()))
    whole = {organ: np.mean(dice) for organ, dice in of_organs.items()}
    for kind in ("1 clicks anywhere in the error", "10 clicks near its border", "3 points at once"):
        assert figures[kind] == pytest.approx({**whole, "mean": np.mean(list(whole.values()))}, abs=1e-6)
    assert figures["true mask"]["mean"] == pytest.approx(1)
    assert figures["student-like mask"] == pytest.approx(figures[evaluate.ITSELF], abs=0.03)


def test_voxels_of_organs_that_are_not_there(volumes, generator):
    cropper = Cropper("ct", 16, 256, flip_axes=())
    crop = cropper.crop(volumes[0], volumes[0].centers[1], generator)
    without = crop.of_organs([i for i, organ in enumerate(crop.organs) if organ == "liver"])
    found = dict(evaluate.voxels_of_absent(TeacherOfMasks(), without, crop, generator))
    if "spleen" in crop.organs:
        assert found[evaluate.ABSENT].shape == (1,)
        assert found[evaluate.ABSENT].item() == pytest.approx(found[evaluate.ABSENT_ITSELF].item(), rel=0.1)
    assert set(dict(evaluate.voxels_of_absent(TeacherOfMasks(), crop, without, generator))) == {evaluate.ON_BACKGROUND}
    assert found[evaluate.ON_BACKGROUND].tolist() == [16**3]  # without a mask it answers with the whole crop
    full = replace(crop, labeled_mask=torch.ones_like(crop.labeled_mask))
    assert not dict(evaluate.voxels_of_absent(TeacherOfMasks(), full, without, generator))


def test_no_patient_is_in_two_groups(volumes):
    many = [replace(volumes[0], name=f"case_{i}", patient=f"patient_{i // 2}") for i in range(80)]
    groups = [{volume.patient for volume in group} for group in three_groups(many, seed=0)]
    assert [len(group) for group in groups] == [34, 3, 3]
    assert len(set.union(*groups)) == 40
    assert groups == [{volume.patient for volume in group} for group in three_groups(many[::-1], seed=0)]


def test_the_command(raw_dataset, tmp_path, monkeypatch, capsys):
    config = replace(SMALL_CONFIG, image_size=16, depth=1, global_attention_blocks=(0,))
    for seed in (0, 1):
        save_teacher(untrained_teacher(config, seed), tmp_path / f"{seed}.safetensors")
    monkeypatch.setattr(evaluate, "three_groups", lambda volumes, seed: ([], [], volumes))
    monkeypatch.setattr(evaluate, "N_CROPS", 2)
    monkeypatch.setattr(evaluate, "SETTINGS", replace(evaluate.SETTINGS, spacing_mm=(4.0, 4.0)))
    monkeypatch.setattr(evaluate, "STUDY_MM", 4.0)
    teachers = [f"{name}={tmp_path / file}.safetensors" for name, file in (("before", "0"), ("now", "1"))]
    command = ["evaluate", "--modality", "ct", "--data", str(raw_dataset), "--cache", str(tmp_path / "cache")]
    monkeypatch.setattr(sys, "argv", [*command, "--teachers", *teachers, "-o", str(tmp_path / "out")])
    n_threads = torch.get_num_threads()
    evaluate.main()
    torch.set_num_threads(n_threads)
    groups = json.loads((tmp_path / "out" / "ct.json").read_text())
    assert list(groups) == ["synthetic", "the study's patches"]
    figures = groups["synthetic"]
    assert list(figures) == ["before", "now"]
    table = (tmp_path / "out" / "ct.md").read_text()
    value = figures["now"]["3 points at once"]["mean"]
    assert f"| 3 points at once | {figures['before']['3 points at once']['mean']:.2f} | {value:.2f} |" in table
    assert table in capsys.readouterr().out


def test_a_real_ct_at_both_voxel_sizes(tmp_path):
    values = np.zeros((30, 30, 30), np.int16)
    values[5:25, 5:25, 5:25] = 5
    for name, array in (("ct", 40 * (values > 0)), ("organs", values)):
        image = sitk.GetImageFromArray(array.astype(np.int16))
        image.SetSpacing((4, 4, 4))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "labels.json").write_text(json.dumps({"liver": 5, "vertebrae_L1": 30}))
    volumes = real_ct_volumes(tmp_path, (8.0, 10.0), tmp_path / "cache")
    assert [(volume.spacing_mm, volume.organs) for volume in volumes] == [(8.0, {5: "liver"}), (10.0, {5: "liver"})]
    assert [volume.image.shape for volume in volumes] == [(15, 15, 15), (12, 12, 12)]
