"""Public teachers from the Hub's cache, or with advice."""

import huggingface_hub
import pytest
import torch
from fixtures.hub import PUBLIC, put_in_cache
from support import build_small_teacher

from nnunetv2_muduo.teachers import load_teacher, weights
from nnunetv2_muduo.teachers.registry import TEACHERS, PublicTeacher
from nnunetv2_muduo.teachers.weights import save_teacher


@pytest.mark.parametrize("name", PUBLIC)
def test_public_teachers_come_from_the_cache_without_network(offline_cache, name, capsys):
    path = put_in_cache(offline_cache, TEACHERS[name])
    loaded = load_teacher(name)
    assert torch.equal(loaded.image_encoder.pos_embed, build_small_teacher(5).image_encoder.pos_embed)
    assert str(path) in capsys.readouterr().out


def test_the_pinned_revision_is_asked_for(monkeypatch, tmp_path):
    save_teacher(build_small_teacher(5), tmp_path / "w.pth")
    asked = []

    def download(repo_id, filename, *, revision):
        asked.append((repo_id, filename, revision))
        return str(tmp_path / "w.pth")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    load_teacher("sam_med3d")
    assert asked == [("blueyo0/SAM-Med3D", "sam_med3d_turbo.pth", TEACHERS["sam_med3d"].revision)]


@pytest.mark.parametrize("name", PUBLIC)
def test_without_network_and_file_the_commands_that_help_are_given(offline_cache, name):
    spec = TEACHERS[name]
    with pytest.raises(FileNotFoundError) as caught:
        load_teacher(name)
    message = str(caught.value)
    assert f"hf download {spec.repo_id} {spec.file_name} --revision {spec.revision}" in message
    assert f"{spec.modality}_teacher: /path/to/{spec.file_name}" in message
    assert name in message


def test_another_file_than_the_one_on_record_is_refused(offline_cache, monkeypatch):
    path = put_in_cache(offline_cache, TEACHERS["seganypet"])
    spec = PublicTeacher(**{**vars(TEACHERS["seganypet"]), "sha256": "0" * 64})
    monkeypatch.setitem(weights.TEACHERS, "seganypet", spec)
    with pytest.raises(ValueError, match=f"{path.name} have sha256 [0-9a-f]{{64}}, but {'0' * 64} is on record"):
        load_teacher("seganypet")
