"""Key of pseudonyms: a file of the user's, which must not travel with the data whose names it hides."""

import os
import secrets
import stat
from pathlib import Path

from nnunetv2_muduo.storage import naming_file

FEWEST_BYTES = 32
"""As many as a hash of 256 bits has (RFC 2104, section 3): with fewer, names could be found by trying keys."""
_NNUNET_FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_key(path: Path, may_be_made: bool = True) -> bytes:
    """Content of a key file, which is made where there is none, for its owner's eyes alone.

    Args:
        may_be_made: False for a key that is not kept, for a call that writes nothing.

    Raises:
        ValueError: it is too short, or lies where nnU-Net's data do.
        OSError: it can't be read or made.
    """
    _require_place(path)
    if not path.exists():
        secret = secrets.token_hex(FEWEST_BYTES).encode()
        return _written(secret, path) if may_be_made else secret
    secret = path.read_bytes().strip()
    if len(secret) < FEWEST_BYTES:
        raise ValueError(
            f"--pseudonyms {path} holds {len(secret)} bytes, a key has at least {FEWEST_BYTES}: with so few, names could be "
            "found by trying. Name a file that is not there yet, which is then made."
        )
    return secret


def is_open_to_others(path: Path) -> bool:
    """Whether people other than its owner may read or write a file, where the system tells."""
    return os.name != "nt" and path.is_file() and bool(path.stat().st_mode & _FOR_OTHERS)


def _require_place(path: Path) -> None:
    for variable in _NNUNET_FOLDERS:
        folder = os.environ.get(variable)
        places = {
            *path.resolve().parents,
            *(path.parent.resolve() / path.name).parents,
        }  # of the file, and of a link to it
        if folder and Path(folder).resolve() in places:
            raise ValueError(
                f"--pseudonyms {path} lies in {variable}, where it could be handed on with the data. Keep the key elsewhere."
            )


def _written(secret: bytes, path: Path) -> bytes:
    with naming_file(path):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # one of two calls at once makes it
        try:
            os.write(file, secret + b"\n")
            os.fsync(file)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(file)
    return secret
