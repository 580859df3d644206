"""Error with which images that can't be used are refused, also where the file is damaged."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

_ARCHIVES, _NIBABEL = (EOFError, zlib.error, zipfile.BadZipFile), (HeaderDataError, ImageFileError, WrapStructError)
DAMAGE = (OSError, ValueError, TypeError, RuntimeError, *_ARCHIVES, *_NIBABEL)  # RuntimeError is SimpleITK's
"""What is raised about a file that can't be read."""


class CaseRefused(ValueError):
    """This case can't be used; the message says what is wrong with it and what to do. Other cases go on."""


@contextmanager
def refusing_damage(name: str) -> Iterator[None]:
    """Turn whatever reading a file raises into a CaseRefused that names it."""
    try:
        yield
    except CaseRefused:
        raise
    except DAMAGE as error:
        raise CaseRefused(f"{name} can't be read{_what_happened(error)}") from error


def _what_happened(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # of the system: no such file, no permission
        return f" ({error.strerror})"
    last_line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return f", truncated or damaged ({last_line[0]})"
