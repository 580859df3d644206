import sys

import pytest
import torch

from nnunetv2_muduo.teachers.sam2d.network import TINY, build


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RuntimeError, match=r"nnunetv2_muduo\[cfr\]"):
        build("tiny", 2)


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="the extra [cfr] is not installed")


@pytest.fixture
def canvases():
    return torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def saved(transformers, tmp_path_factory):
    """A SAM as the hub has it: three masks beside the single one, safetensors."""
    folder = tmp_path_factory.mktemp("sam")
    torch.manual_seed(0)
    transformers.SamModel(transformers.SamConfig(**TINY)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("n_classes", [2, 5])
def test_one_logit_per_class_and_pixel(transformers, canvases, n_classes):
    network = build("tiny", n_classes)
    assert network(canvases).shape == (2, n_classes, 256, 256)
    assert network.canvas_size == 256


def test_lora_and_decoder_learn_and_the_encoder_does_not(transformers, canvases):
    network = build("tiny", 3)
    network(canvases).square().mean().backward()
    learned = {name for name, one in network.named_parameters() if one.grad is not None and one.grad.any()}
    in_encoder = {name.split(".")[-1] for name in learned if "vision_encoder" in name}
    assert in_encoder == {"query_up", "value_up"}, "the first factors follow once the second are no longer zero"
    assert sum("query_up" in name for name in learned) == TINY["vision_config"]["num_hidden_layers"]
    assert "sam.prompt_encoder.no_mask_embed.weight" in learned
    for i in (1, 2, 3):
        assert f"sam.mask_decoder.output_hypernetworks_mlps.{i}.proj_out.weight" in learned
    assert not any(one.requires_grad for name, one in network.named_parameters() if "shared_image_embedding" in name)


def test_classes_are_the_masks_of_their_own_tokens(transformers, canvases):
    network = build("tiny", 3).eval()
    before = network(canvases)
    with torch.no_grad():
        network.sam.mask_decoder.output_hypernetworks_mlps[2].proj_out.bias += 1
    changed = [not torch.equal(a, b) for a, b in zip(before.unbind(1), network(canvases).unbind(1), strict=True)]
    assert changed == [False, True, False]


def test_saved_weights_load_by_path_and_equal_sams_own_masks(transformers, saved, canvases):
    network, sam = build(str(saved), 3).eval(), transformers.SamModel.from_pretrained(saved).eval()
    masks = sam(pixel_values=canvases, multimask_output=True).pred_masks[:, 0]
    expected = torch.nn.functional.interpolate(masks, size=(256, 256), mode="bilinear")
    torch.testing.assert_close(network(canvases), expected)


def test_another_number_of_classes_keeps_the_encoder(transformers, saved):
    network, sam = build(str(saved), 2), transformers.SamModel.from_pretrained(saved)
    layer = network.sam.vision_encoder.layers[0].attn.qkv.qkv
    assert torch.equal(layer.weight, sam.vision_encoder.layers[0].attn.qkv.weight)
    assert len(network.sam.mask_decoder.mask_tokens.weight) == 3


def test_a_folder_without_weights_is_named(transformers, tmp_path):
    with pytest.raises(ValueError, match=r"no SAM with safetensors weights at .*model\.safetensors"):
        build(str(tmp_path), 2)
