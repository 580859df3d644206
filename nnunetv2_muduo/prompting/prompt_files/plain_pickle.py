"""Plain values of a pickle, and nothing that a pickle could run.

numpy writes lists and dictionaries in a .npz as pickles, and a pickle may name any function of any module to be called when it
is read. This reader knows numpy's own arrays and numbers, which it rebuilds as lists and numbers, and refuses all other names.
"""

import pickle
from typing import IO, Any

import numpy as np

_NUMPY = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")


class _Array(list):
    """An array that becomes a list of its items, which is what an array of objects holds."""

    def __setstate__(self, state: tuple) -> None:
        _, _, dtype, _, items = state
        if isinstance(items, list):
            self[:] = items
        elif isinstance(dtype, _Dtype) and isinstance(items, bytes):
            self[:] = np.frombuffer(items, dtype.plain).tolist()
        else:
            raise pickle.UnpicklingError("it holds an array of another kind")


class _Dtype:
    """Type of an array's items, as text."""

    def __init__(self, code: str, *_: Any):
        self.code, self.order = str(code), "|"

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    @property
    def plain(self) -> np.dtype:
        """Raises UnpicklingError for types that are no numbers."""
        dtype = np.dtype(self.code).newbyteorder(self.order)
        if dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"it holds {dtype}, no numbers")
        return dtype


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype.plain)[0].item()


def _bytes(text: str, encoding: str) -> bytes:
    """What early protocols make of bytes."""
    return text.encode("latin1")


_KNOWN = {
    (module, name): made
    for module in _NUMPY
    for name, made in (
        ("_reconstruct", lambda *_: _Array()),
        ("ndarray", _Array),
        ("dtype", _Dtype),
        ("scalar", _scalar),
    )
}
_KNOWN["_codecs", "encode"] = _bytes


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no plain value and is not run")


def plain_pickle(file: IO[bytes]) -> Any:
    """Lists, dictionaries, texts and numbers of a pickle; arrays become lists.

    Raises:
        ValueError: damaged, or anything else in it; nothing of it was run.
    """
    try:
        return _PlainUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"its pickle can't be used: {error}") from error
    except (ImportError, MemoryError, RecursionError, OverflowError) as error:
        raise ValueError(f"its pickle can't be used ({type(error).__name__})") from error
