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


_OF_METAIMAGE = "Reason: No such file or directory"
"""What it says of every file, whatever the reason."""


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
    if "orthonormal" in str(error):  # ITK's word
        return ": its axes are not at right angles. Resample it, or let nnU-Net read the data set with NibabelIO"
    lines = [line for line in str(error).strip().splitlines() if line != _OF_METAIMAGE]
    return f", truncated or damaged ({lines[-1] if lines else type(error).__name__})"
