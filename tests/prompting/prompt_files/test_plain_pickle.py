"""Plain values of pickles as numpy writes them, of every protocol; all else is refused."""

import collections
import io
import os
import pickle

import numpy as np
import pytest

from nnunetv2_muduo.prompting.prompt_files.plain_pickle import plain_pickle

PLAIN = {"fg": [[1, 2.5, -3], (4, 5, 6)], "bg": [], "text": "x", "none": None, "yes": True}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back(protocol):
    assert plain_pickle(io.BytesIO(pickle.dumps(PLAIN, protocol))) == PLAIN


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL))  # in 5, arrays name a function for their buffer
@pytest.mark.parametrize("dtype", [np.int64, ">i4", np.uint8, np.float32, ">f8", bool])
def test_numpys_arrays_and_numbers_become_lists_and_numbers(protocol, dtype):
    array = np.array([1, 0, 1]).astype(dtype)
    content = pickle.dumps([array, array[0], np.array([{"a": array}], object)], protocol)
    assert plain_pickle(io.BytesIO(content)) == [array.tolist(), array[0].item(), [{"a": array.tolist()}]]


@pytest.mark.parametrize(
    "value",
    [os.system, eval, np.load, collections.OrderedDict(a=1), np.array(["a"]), np.datetime64(1, "s"), 1j],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_anything_else_is_refused(value, protocol):
    with pytest.raises(ValueError, match="its pickle can't be used"):
        plain_pickle(io.BytesIO(pickle.dumps(value, protocol)))
