import zipfile
import zlib

import pytest

from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EOFError("ended early"), "a.nii can't be read, truncated or damaged (ended early)"),
        (zlib.error("bad\ncrc"), "a.nii can't be read, truncated or damaged (crc)"),
        (zipfile.BadZipFile(), "a.nii can't be read, truncated or damaged (BadZipFile)"),
        (FileNotFoundError(2, "No such file or directory"), "a.nii can't be read (No such file or directory)"),
        (CaseRefused("a.nii is constant"), "a.nii is constant"),
    ],
)
def test_each_error_becomes_one_that_names_the_file(error, message):
    with pytest.raises(CaseRefused) as refused, refusing_damage("a.nii"):
        raise error
    assert str(refused.value) == message


def test_other_errors_stay():
    with pytest.raises(MemoryError), refusing_damage("a.nii"):
        raise MemoryError
