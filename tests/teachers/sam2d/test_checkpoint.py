"""Files of fine-tuned SAMs: read as they were written, and refused where they are something else."""

import pytest
import torch
from safetensors.torch import save_file
from support import NEEDS_TRANSFORMERS

from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned, save_fine_tuned
from nnunetv2_muduo.teachers.sam2d.network import TINY, build, identity_of


@NEEDS_TRANSFORMERS
def test_a_network_is_read_as_it_was_written(tmp_path):
    network = build("tiny", 3, rank=2)
    torch.nn.init.normal_(network.sam.vision_encoder.layers[0].attn.qkv.query_up)
    save_fine_tuned(network, {"labels": {"a": "1"}}, tmp_path / "sam.safetensors")
    read = read_fine_tuned(tmp_path / "sam.safetensors")
    state, image = torch.get_rng_state(), torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    again = read.network()
    assert torch.equal(torch.get_rng_state(), state)
    assert read.made_from == {"labels": {"a": "1"}}
    with torch.no_grad():
        assert torch.equal(again(image), network.eval()(image))
    assert not any(one.requires_grad for one in again.parameters())


@NEEDS_TRANSFORMERS
def test_where_its_sam_lay_is_not_in_the_file(tmp_path):
    import transformers

    folder = tmp_path / "of_a_person" / "my_sam"
    transformers.SamModel(transformers.SamConfig(**TINY)).save_pretrained(folder)
    save_fine_tuned(build(str(folder), 3), {"recipe": {"sam": identity_of(str(folder))}}, tmp_path / "sam.safetensors")
    content = (tmp_path / "sam.safetensors").read_bytes()
    assert b"my_sam (sha256 " in content
    assert b"of_a_person" not in content


def test_what_is_no_such_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"sam\.safetensors: no such file"):
        read_fine_tuned(tmp_path / "sam.safetensors")
    (tmp_path / "page.safetensors").write_bytes(b"<html>404</html>")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("page.safetensors", "other.safetensors"):
        with pytest.raises(ValueError, match=f"fine-tuned SAM .*{name} can't be read .*train2d"):
            read_fine_tuned(tmp_path / name)
