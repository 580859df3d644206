"""Errors of the operating system as sentences: the file, and what to do."""

import errno
import os

import pytest

from nnunetv2_muduo.cli.mistakes import sentence
from nnunetv2_muduo.storage import naming_file, replacing, write_json

TOLD = {
    errno.ENOENT: "is not there",
    errno.EACCES: "may not be read or written",
    errno.EPERM: "may not be read or written",
    errno.EROFS: "can't be written",
    errno.EISDIR: "is a folder",
    errno.ENOTDIR: "is a file or lies below one",
    errno.EEXIST: "is there already",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.ENAMETOOLONG: "too long",
}


@pytest.mark.parametrize(("number", "words"), TOLD.items())
def test_errors_of_the_system(number, words):
    told = sentence(OSError(number, os.strerror(number), "/data/{x}/file"))
    assert words in told
    assert "/data/{x}/file" in told
    assert told.endswith(".")
    assert "Errno" not in told


def test_another_error_of_the_system_keeps_its_words():
    assert sentence(OSError(errno.EMFILE, "Too many open files", "x")) == "x: Too many open files."


def test_of_two_files_the_target_is_named():
    assert sentence(OSError(errno.EISDIR, "Is a directory", ".out.part", None, "out")).startswith("out is a folder")


@pytest.mark.parametrize("error", [ValueError("words"), FileNotFoundError("words"), RuntimeError("words")])
def test_own_words_stay(error):
    assert sentence(error) == "words"


def test_an_error_without_words_has_its_name():
    assert sentence(ValueError()) == "ValueError"


def test_a_file_that_is_written_beside_is_called_by_its_own_name(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere" / "x.json", tmp_path / "folder"):
        with pytest.raises(OSError) as error:  # noqa: PT011
            write_json({}, path)
        assert str(path) in sentence(error.value)
        assert ".part" not in sentence(error.value)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as error:
        write_json({}, tmp_path / "file" / "x.json")
    assert sentence(error.value).startswith(str(tmp_path / "file" / "x.json"))
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}


def test_a_full_disk_names_the_file(tmp_path):
    def full(error):
        raise error

    for error in (OSError(errno.ENOSPC, "No space left on device"), OSError("40 requested and 3 written")):
        with pytest.raises(OSError) as told, naming_file(tmp_path / "x.npy"):  # noqa: PT011
            full(error)
        assert "x.npy could not be written whole" in sentence(told.value)
        assert "Make room" in sentence(told.value)


def test_what_is_raised_on_purpose_stays(tmp_path):
    with pytest.raises(FileNotFoundError, match="another file"), replacing(tmp_path / "x"):
        raise FileNotFoundError("another file")
