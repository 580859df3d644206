import json

import pytest

from nnunetv2_muduo.storage import (
    file_stamp,
    file_stamps,
    read_json,
    remove_leftovers,
    replacing,
    write_json,
    write_text,
)


def test_leftovers_of_killed_processes_are_removed_when_they_are_old(tmp_path):
    import os
    import time

    for name in (".old.json.host-1.part", ".new.json.host-2.part", "case.json"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".old.json.host-1.part", (time.time() - 7200,) * 2)
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".new.json.host-2.part", "case.json"}


def write_half(path, temporary):
    with replacing(path, temporary) as place:
        place.write_text("half")
        assert read_json(path) == {"a": "ä"}
        raise KeyError


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path, elsewhere):
    path, temporary = tmp_path / "a.json", tmp_path / "half.json" if elsewhere else None
    write_json({"a": "ä"}, path, temporary)
    assert path.read_bytes() == '{\n  "a": "ä"\n}\n'.encode()
    with pytest.raises(KeyError):
        write_half(path, temporary)
    assert read_json(path) == {"a": "ä"}
    write_text("new", path, temporary)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_stamp_changes_with_the_file_and_survives_json(tmp_path):
    path = tmp_path / "a.nii"
    path.write_text("one")
    stamps = file_stamps([str(path)])
    assert stamps == [file_stamp(path, "a.nii")] == [["a.nii", 3, path.stat().st_mtime_ns]]
    assert json.loads(json.dumps(stamps)) == stamps
    path.write_text("three")
    assert file_stamps([str(path)]) != stamps
