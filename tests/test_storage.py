import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nnunetv2_muduo.storage import (
    DamagedFile,
    StoredArray,
    content_of,
    file_stamp,
    file_stamps,
    is_unchanged,
    read_json,
    remove_leftovers,
    replacing,
    require_writable,
    with_present_times,
    write_array,
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


FULL = {  # how libraries say that a disk is full: numpy without number or name, others without name
    "numpy": (OSError("900 requested and 100 written"), r"a\.json could not be written whole \(900 requested"),
    "the operating system": (OSError(errno.ENOSPC, "No space left on device"), r"No space left on device: .*a\.json"),
}


def write_then_raise(path, error):
    with replacing(path) as place:
        place.write_text("ha")
        raise error


@pytest.mark.parametrize(("error", "message"), FULL.values(), ids=FULL)
def test_a_full_disk_is_said_with_the_file(tmp_path, error, message):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(OSError, match=message):
        write_then_raise(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_own_message_is_said_once(tmp_path):
    with pytest.raises(OSError, match=r"^\S+/a\.json is too long\.$"), replacing(tmp_path / "a.json") as place:
        raise OSError(f"{place} is too long.")


def test_an_array_without_room_is_named(tmp_path):
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    path, array = tmp_path / "a.b2nd", np.random.default_rng(0).integers(0, 9999, (1, 40, 40, 40)).astype(np.int16)
    write_array(array[:, :9], path, [8, 8, 8])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match=r"a\.b2nd could not be written whole .*Make room"):
            write_array(array, path, [8, 8, 8])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        write_text("through", pipe)
        assert read.result() == "through"
    assert pipe.is_fifo()


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
    assert file_stamp(path, "a.nii") == ["a.nii", 3, path.stat().st_mtime_ns]
    assert stamps == [[*file_stamp(path, "a.nii"), hashlib.sha256(b"one").hexdigest()]]
    assert json.loads(json.dumps(stamps)) == stamps
    path.write_text("three")
    assert file_stamps([str(path)]) != stamps


def test_a_time_is_no_content(tmp_path):
    path = tmp_path / "a.nii"
    path.write_text("one")
    files, stamps = [str(path)], file_stamps([str(path)])
    assert is_unchanged(stamps, files)
    os.utime(path, (0, 0))
    assert is_unchanged(stamps, files)
    assert content_of(stamps) == content_of(file_stamps(files))
    assert with_present_times(stamps, files) == file_stamps(files) != stamps
    for other in ("two", "ones"):  # of the same size, and of another
        path.write_text(other)
        assert not is_unchanged(stamps, files)
    assert not is_unchanged(stamps, [])


def test_stamps_of_earlier_versions_survive_archives(tmp_path):
    path = tmp_path / "a.nii"
    path.write_text("one")
    stamps, files = [file_stamp(path, path.name)], [str(path)]
    time_ns = stamps[0][2]
    for kept_ns, unchanged in ((time_ns, True), (time_ns // 10**9 * 10**9, True), (time_ns - 10**10, False)):
        os.utime(path, ns=(kept_ns, kept_ns))
        assert is_unchanged(stamps, files) is unchanged
    assert content_of(stamps) == with_present_times(stamps, files) == stamps


def test_a_folder_that_can_be_written_or_made(tmp_path):
    require_writable(tmp_path)
    require_writable(tmp_path / "to be made" / "below it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root can't write into")
@pytest.mark.parametrize("folder", ["/sys/kernel", "/sys/kernel/to be made"])
def test_a_folder_that_can_not_is_named(folder):
    with pytest.raises(OSError, match=r"/sys/kernel'$"):
        require_writable(Path(folder))


def test_no_damaged_header_asks_for_much_memory(tmp_path):
    """For every bit of it: what is not found out reads as an array that fits into the chunks that were written."""
    path, array = tmp_path / "a.b2nd", np.random.default_rng(0).integers(0, 5, (1, 40, 40, 40)).astype(np.int16)
    write_array(array, path, [24, 24, 24])
    whole, n_refused = path.read_bytes(), 0
    n_header = int.from_bytes(whole[11:15], "big")
    for position, bit in product(range(n_header), range(8)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            assert np.prod(StoredArray(path).shape, dtype=float) < 100**3, (position, bit)
        except DamagedFile:
            n_refused += 1
    assert n_refused > 4 * n_header
