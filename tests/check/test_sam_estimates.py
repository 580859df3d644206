"""Counted costs of CFR's SAM: against published sizes, a count with values, and the layout of the slices."""

import re

import pytest
import torch
from support import write_config
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_muduo.check.sam_estimates import count_sam
from nnunetv2_muduo.teachers.sam2d.checkpoint import save_fine_tuned
from nnunetv2_muduo.teachers.sam2d.network import LORA_RANK, PUBLIC, TINY, build, without_values
from nnunetv2_muduo.trainers.cfr import CFRConfig, nnUNetTrainerCFR

pytest.importorskip("transformers", reason="the extra [cfr] is not installed")

PATCH = {
    "spacing": [3.0, 2.0, 2.0],
    "patch_size": [40, 56, 56],
}  # 16 slices of 56 x 56 on a canvas of 256 x 256: 3 of them
N_LABELS = 3


def lora_weights(width: int, depth: int) -> int:
    return depth * 2 * 2 * LORA_RANK * width


@pytest.mark.parametrize(
    ("sam", "millions", "lora"),
    [
        ("vit_b", 93.7, lora_weights(768, 12)),
        ("vit_l", 312.3, lora_weights(1024, 24)),
        ("vit_h", 641.1, lora_weights(1280, 32)),
    ],
)
def test_public_sams_have_their_published_size(sam, millions, lora):
    assert sam in PUBLIC
    network = without_values(sam, n_classes=3)  # as many masks as SAM's own
    assert {one.device.type for one in network.parameters()} == {"meta"}
    assert sum(one.numel() for one in network.parameters()) - lora == pytest.approx(millions * 1e6, rel=2e-3)
    assert network.canvas_size == 1024


def test_operations_are_those_of_a_network_with_values():
    with FlopCounterMode(display=False) as counter:
        build("tiny", N_LABELS)(torch.randn(3, 3, 256, 256))
    n_weights, labeling_flops = count_sam(CFRConfig(sam="tiny"), PATCH, N_LABELS).frozen
    assert labeling_flops == pytest.approx(counter.get_total_flops(), rel=0.01)  # a CPU's attention goes uncounted
    assert n_weights == sum(one.numel() for one in build("tiny", N_LABELS).parameters())


def test_fine_tuning_is_its_iterations():
    counted = count_sam(CFRConfig(sam="tiny", sam_iterations=600), PATCH, N_LABELS)
    assert counted.fine_tuning_tflops == pytest.approx(600 * counted.canvases.step_flops / 1e12)
    assert 2 < counted.canvases.step_flops / counted.canvases.forward_flops <= 3


def test_a_fine_tuned_file_tells_its_own_size_and_needs_no_fine_tuning(tmp_path):
    save_fine_tuned(build("tiny", N_LABELS), {}, tmp_path / "there.safetensors")
    there = count_sam(CFRConfig(sam_file=str(tmp_path / "there.safetensors")), PATCH, N_LABELS)  # whatever `sam` says
    assert there.fine_tuning_tflops == 0
    assert there.frozen == count_sam(CFRConfig(sam="tiny"), PATCH, N_LABELS).frozen


def test_random_weights_all_learn_and_public_ones_hardly():
    assert count_sam(CFRConfig(sam="tiny"), PATCH, N_LABELS).n_frozen == 0
    public = count_sam(CFRConfig(sam="vit_b"), PATCH, N_LABELS)
    assert 0.9 < public.n_frozen / public.n_weights < 1


def test_slices_across_another_axis_need_other_canvases():
    patch = {"spacing": [3.0, 2.0, 2.0], "patch_size": [32, 100, 100]}  # 4 or 16 slices on a canvas: 8 or 7 of them
    flops = {
        axis: count_sam(CFRConfig(sam="tiny", slice_axis=axis), patch, N_LABELS).frozen[1] for axis in (None, 0, 1)
    }
    assert flops[None] == flops[0]
    assert flops[1] / flops[0] == pytest.approx(7 / 8, rel=1e-3)


def test_a_folder_tells_its_size_and_an_unknown_name_none(tmp_path, hub_cache):
    import transformers

    transformers.SamConfig(**TINY).save_pretrained(tmp_path)
    assert without_values(str(tmp_path), 2).canvas_size == TINY["vision_config"]["image_size"]
    with pytest.raises(ValueError, match=r"config\.json of nobody/nothing is not on this machine"):
        without_values("nobody/nothing", 2)


def test_the_check_has_the_sams_hours_and_memory(dataset, check, monkeypatch, tmp_path):
    def estimated(**config) -> tuple[float, str]:
        write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=1, **config)
        line = check("-tr", nnUNetTrainerCFR.__name__)[1]["estimate"][1]
        return float(re.search(r"about (\d+) GiB", line).group(1)), line

    tiny, line = estimated(sam="tiny", sam_iterations=1)
    assert "fine-tuning of the SAM under 0.1 h" in line
    public, line = estimated(sam="vit_b")
    assert re.search(r"fine-tuning of the SAM 0\.\d h", line)
    assert public > tiny + 3
    write_config(monkeypatch, tmp_path, sam="nobody/nothing")
    assert "none: the config.json of nobody/nothing" in check("-tr", nnUNetTrainerCFR.__name__)[1]["estimate"][1]
