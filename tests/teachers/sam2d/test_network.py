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


def test_weights_that_are_no_sams_are_refused_not_filled_with_random_ones(transformers, saved, tmp_path):
    from safetensors.torch import load_file, save_file

    def folder(name, weights, **config):
        own = tmp_path / name
        transformers.SamConfig(**{**TINY, **config}).save_pretrained(own)
        save_file(weights, own / "model.safetensors", metadata={"format": "pt"})
        return str(own)

    weights = load_file(saved / "model.safetensors")
    assert build(folder("same", weights), 2)
    renamed = {name.replace("vision_encoder.layers", "image_encoder.blocks"): one for name, one in weights.items()}
    larger = {**TINY["vision_config"], "hidden_size": 96}
    for other in (folder("renamed", renamed), folder("larger", weights, vision_config=larger)):
        with pytest.raises(ValueError, match=r"holds no weights of such a SAM: \d+ are missing .* vision_encoder"):
            build(other, 2)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_what_turns_tokens_into_masks_goes_on_from_sams_own_four(transformers, saved, n_classes):
    ours = build(str(saved), n_classes).sam.mask_decoder.state_dict()
    sams = transformers.SamModel.from_pretrained(saved).mask_decoder.state_dict()
    first_layer = "output_hypernetworks_mlps.{}.proj_in.weight"
    kept = [torch.equal(ours[first_layer.format(i)], sams[first_layer.format(i)]) for i in range(min(n_classes + 1, 4))]
    assert all(kept)
    assert (first_layer.format(4) in ours) == (n_classes == 5)
    same_tokens = ours["mask_tokens.weight"].shape == sams["mask_tokens.weight"].shape
    assert same_tokens == (n_classes == 3)
    assert not same_tokens or torch.equal(ours["mask_tokens.weight"], sams["mask_tokens.weight"])


def test_a_folder_is_known_by_its_weights_and_found_below_home(transformers, saved, tmp_path, monkeypatch):
    import shutil

    from nnunetv2_muduo.storage import file_digest
    from nnunetv2_muduo.teachers.sam2d.network import identity_of, is_here

    shutil.copytree(saved, tmp_path / "home" / "my_sam")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    digest = file_digest(saved / "model.safetensors")
    assert identity_of("~/my_sam") == identity_of(str(tmp_path / "home" / "my_sam")) == f"my_sam (sha256 {digest})"
    assert is_here("~/my_sam")
    assert build("~/my_sam", 2).canvas_size == 256
    assert [identity_of(name) for name in ("tiny", "vit_b")] == ["tiny", "vit_b"]
