"""What was seen first of a revision is what it is for good; a branch stays where it was."""

import json

import pytest
import torch
from fixtures.hub import PUBLIC, put_in_cache

from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.teachers.first_sight import commit_of, record_file
from nnunetv2_muduo.teachers.registry import TEACHERS
from nnunetv2_muduo.teachers.weights import inspect_teacher, load_teacher, teacher_digest

SEGANYPET = TEACHERS["seganypet"]


@pytest.mark.parametrize("name", PUBLIC)
def test_the_first_sight_is_recorded_beside_the_cache(offline_cache, name):
    path = put_in_cache(offline_cache, TEACHERS[name])
    inspect_teacher(name)
    assert record_file().parent == offline_cache.parent
    (entry,) = json.loads(record_file().read_text()).values()
    assert entry["sha256"] == file_digest(path) == teacher_digest(name)
    assert entry["commit"] == commit_of(path)
    inspect_teacher(name)  # the same again


@pytest.mark.parametrize("name", PUBLIC)
def test_another_file_of_the_same_revision_is_refused(offline_cache, name):
    put_in_cache(offline_cache, TEACHERS[name])
    inspect_teacher(name)
    put_in_cache(offline_cache, TEACHERS[name], seed=6)
    for open_it in (inspect_teacher, load_teacher):
        with pytest.raises(ValueError, match=r"when it was first seen \(\d{4}-\d\d-\d\d, .*muduo_teachers\.json\)"):
            open_it(name)
    record_file().unlink()  # by somebody who trusts the new one
    inspect_teacher(name)


def test_a_branch_that_moves_stays_where_it_was_first_seen(offline_cache):
    put_in_cache(offline_cache, SEGANYPET, commit="a" * 40, seed=5)
    first = load_teacher("seganypet").image_encoder.pos_embed
    put_in_cache(offline_cache, SEGANYPET, commit="b" * 40, seed=6)
    assert torch.equal(load_teacher("seganypet").image_encoder.pos_embed, first)


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"%s": 3}'])
def test_a_damaged_record_is_named(offline_cache, content):
    put_in_cache(offline_cache, SEGANYPET)
    inspect_teacher("seganypet")
    (key,) = json.loads(record_file().read_text())
    record_file().write_text(content.replace("%s", key))
    with pytest.raises(ValueError, match=r"muduo_teachers\.json"):
        inspect_teacher("seganypet")


def test_files_given_by_their_path_are_not_recorded(offline_cache, tmp_path):
    path = put_in_cache(offline_cache, SEGANYPET)
    inspect_teacher(path)
    assert not record_file().exists()
    assert commit_of(tmp_path / "elsewhere" / "snapshots" / "x" / "file.pth") is None
