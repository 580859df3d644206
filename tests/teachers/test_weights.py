"""Teachers from files: weights that fit, and how they are refused where they don't."""

import pytest
import torch
from fixtures.teachers import assert_same_weights
from safetensors.torch import save_file
from support import build_small_teacher

from nnunetv2_muduo.teachers import load_teacher
from nnunetv2_muduo.teachers.weights import save_teacher


@pytest.mark.parametrize("name", ["teacher.pth", "teacher.safetensors"])
def test_saved_teachers_load(tmp_path, name):
    teacher = build_small_teacher(seed=3)
    save_teacher(teacher, tmp_path / name)
    loaded = load_teacher(tmp_path / name)
    assert loaded.config == teacher.config
    assert_same_weights(loaded, teacher.state_dict())
    image = torch.ones(1, 1, 32, 32, 32)
    assert torch.equal(loaded.encode(image), teacher.encode(image))


def test_half_precision_files_become_float32(tmp_path, state, config):
    halved = {name: tensor.half() for name, tensor in state.items()}
    torch.save({"model_state_dict": halved, "sam3d_config": config}, tmp_path / "half.pth")
    assert {x.dtype for x in load_teacher(tmp_path / "half.pth").state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_training_that_failed_are_refused(tmp_path, state, config, value):
    state["mask_decoder.iou_token.weight"] = torch.full_like(state["mask_decoder.iou_token.weight"], value)
    torch.save({"model_state_dict": state, "sam3d_config": config}, tmp_path / "spoilt.pth")
    with pytest.raises(ValueError, match=r"spoilt\.pth hold NaN or infinite values in 1 tensor\(s\): mask_decoder.iou"):
        load_teacher(tmp_path / "spoilt.pth")


@pytest.mark.parametrize("nested", [True, False])
def test_files_without_architecture_are_the_public_one(tmp_path, golden_teacher, nested):
    state = golden_teacher.state_dict()
    torch.save({"model_state_dict": state} if nested else state, tmp_path / "public.pth")
    loaded = load_teacher(tmp_path / "public.pth")
    assert loaded.image_size == 128
    assert_same_weights(loaded, state)


def test_missing_file_lists_the_known_names(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"none\.pth' is neither a file nor one of sam_med3d, seganypet, small_ct"
    ):
        load_teacher(tmp_path / "none.pth")


def test_mismatch_names_file_and_parameters(tmp_path, state, config):
    for i in range(7):
        state[f"extra.{i}"] = torch.zeros(1)
    del state["image_encoder.pos_embed"]
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 4)
    torch.save({"model_state_dict": state, "sam3d_config": config}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=r"odd\.pth do not fit the architecture that it carries") as caught:
        load_teacher(tmp_path / "odd.pth")
    message = str(caught.value)
    assert "1 missing: image_encoder.pos_embed\n" in message
    assert "7 unexpected: extra.0, extra.1, extra.2, extra.3, extra.4, ...\n" in message
    assert "1 of another shape: mask_decoder.iou_token.weight [1, 4] instead of [1, 96]" in message
    assert "Use sam_med3d_turbo.pth" in message


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("image_encoder.blocks.0.attn.rel_pos_h", "SAM or MedSAM, for 2D images"),
        ("image_encoder.blocks.0.Adapter.spatial.weight", "SAM-Med2D"),
        ("image_encoder.trunk.pos_embed", "SAM 2 or MedSAM2"),
        ("encoder.stages.0.0.convs.0.conv.weight", "an nnU-Net network"),
        ("conv.weight", "no network that this package knows"),
    ],
)
def test_mismatch_names_the_likely_model(tmp_path, name, model):
    torch.save({name: torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=f"do not fit the public vit_b_ori(.|\n)*They look like {model}"):
        load_teacher(tmp_path / "other.pth")


def test_small_teacher_without_its_architecture_is_recognized(tmp_path, state):
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(ValueError, match="a SAM-Med3D of another size"):
        load_teacher(tmp_path / "small.pth")


def test_unknown_architecture_keys_are_refused(tmp_path, state, config):
    torch.save({"model_state_dict": state, "sam3d_config": config | {"n_wings": 2}}, tmp_path / "new.pth")
    with pytest.raises(ValueError, match="n_wings"):
        load_teacher(tmp_path / "new.pth")


def test_bare_safetensors_are_the_public_architecture(tmp_path, state):
    save_file(state, tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match="do not fit the public vit_b_ori"):
        load_teacher(tmp_path / "bare.safetensors")
