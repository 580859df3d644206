"""CVPR 2025's .npz as the challenge's own scripts write it (with pickled lists), and archives that mean harm."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import SIZE

from nnunetv2_muduo.prompting.prompt_files.reader import read_prompts
from nnunetv2_muduo.prompting.space import ImageSpace

BOX = {"z_min": 5, "z_max": 9, "z_mid": 7, "z_mid_y_min": 10, "z_mid_y_max": 20, "z_mid_x_min": 30, "z_mid_x_max": 40}
CLICKS = {"fg": [[7, 15, 35], (8, 15, 35)], "bg": [np.array([1, 2, 3])]}


def written(folder, **arrays):
    np.savez_compressed(folder / "case.npz", **arrays)
    return folder / "case.npz"


def lists(*objects):
    array = np.empty(len(objects), object)
    array[:] = objects
    return array


@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
def test_boxes_and_clicks_in_the_arrays_order(pet, tmp_path, orientation):
    image = sitk.DICOMOrient(pet, orientation)
    numpy_box = {key: np.int64(value) for key, value in BOX.items()}
    arrays = {"imgs": sitk.GetArrayFromImage(image).astype(np.uint8), "spacing": np.array(image.GetSpacing())}
    order = lists(["fg", "fg", "bg"], [])
    file = written(
        tmp_path, boxes=[numpy_box, BOX], clicks=lists(CLICKS, {"fg": [], "bg": []}), clicks_order=order, **arrays
    )
    prompts = read_prompts(file, ImageSpace.of(image))
    assert [(one.object_name, one.kind, one.positive) for one in prompts] == [
        ("1", "box", True), ("2", "box", True), ("1", "point", True), ("1", "point", True), ("1", "point", False),
    ]  # fmt: skip
    places = [image.TransformIndexToPhysicalPoint(voxel) for voxel in ((35, 15, 7), (35, 15, 8), (3, 2, 1))]
    np.testing.assert_allclose(np.concatenate([one.places_mm for one in prompts[2:]]), places, atol=1e-6)
    corners = [image.TransformIndexToPhysicalPoint(voxel) for voxel in ((30, 10, 5), (40, 20, 9))]
    np.testing.assert_allclose(prompts[0].places_mm, corners, atol=1e-6)


@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
def test_an_earlier_prediction_is_a_mask_for_each_label(pet, tmp_path, orientation, order):
    image = sitk.DICOMOrient(pet, orientation)
    labels = np.zeros(SIZE[::-1], np.uint8)
    labels[5:9, 10:20, 30:40], labels[20:22, 10, 10] = 1, 3
    prompts = read_prompts(written(tmp_path, prev_pred=order(labels)), ImageSpace.of(image))
    assert [one.object_name for one in prompts] == ["1", "3"]
    stored = sitk.GetImageFromArray(labels)
    stored.CopyInformation(image)
    turned = sitk.GetArrayFromImage(sitk.DICOMOrient(stored, "LPS"))
    for one in prompts:
        np.testing.assert_array_equal(one.mask, turned == int(one.object_name))


class Harm:
    """A pickle that makes a folder when it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("key", ["boxes", "clicks"])
def test_a_pickle_is_not_run(pet, tmp_path, key):
    harm = Harm(tmp_path / "harm")
    file = written(tmp_path, **{key: lists({"fg": [harm], "bg": []}, harm)})
    assert b"mkdir" in zipfile.ZipFile(file).read(f"{key}.npy")
    with pytest.raises(ValueError, match=rf"case.npz: {key}: its pickle can't be used: it names \w+.mkdir"):
        read_prompts(file, ImageSpace.of(pet))
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(np.empty(3, dtype="M8[s]")),
        b"\x80\x04cnumpy\nload\n.",
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n.",
        b"\x80\x04\x8c",
        b"garbage",
        b"",
        b"\x80\x04" + b"(" * 100_000 + b"t" * 100_000 + b".",
    ],
)
def test_other_pickles_are_refused_in_a_sentence(pet, tmp_path, content):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"shape": (1,), "fortran_order": False, "descr": "|O"})
    with zipfile.ZipFile(tmp_path / "case.npz", "w") as archive:
        archive.writestr("clicks.npy", head.getvalue() + content)
    with pytest.raises(ValueError, match=r"case.npz: clicks"):
        read_prompts(tmp_path / "case.npz", ImageSpace.of(pet))


def test_a_bomb_is_not_unpacked(pet, tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"shape": (1,), "fortran_order": False, "descr": "|O"})
    with zipfile.ZipFile(tmp_path / "case.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clicks.npy", head.getvalue() + bytes(200 * 2**20))
    assert (tmp_path / "case.npz").stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"clicks: it is larger than 16 MB unpacked"):
        read_prompts(tmp_path / "case.npz", ImageSpace.of(pet))
    np.savez_compressed(tmp_path / "case.npz", prev_pred=np.zeros((1000, 1000, 50), np.uint8))
    with pytest.raises(ValueError, match=r"prev_pred: it must be whole numbers of the image's size"):
        read_prompts(tmp_path / "case.npz", ImageSpace.of(pet))


def doubled(value, times=60):
    """A few objects that hold one another so often that no memory could have them written out."""
    for _ in range(times):
        value = [value, value, value]
    return value


@pytest.mark.parametrize("clicks", [{"fg": doubled(1)}, {"fg": [doubled(1)]}, doubled(1), {"fg": {"x": doubled(1)}}])
def test_values_that_grow_when_they_are_written_out(pet, tmp_path, clicks):
    with pytest.raises(ValueError, match=r"clicks\[0\]"):
        read_prompts(written(tmp_path, clicks=lists(clicks)), ImageSpace.of(pet))


def test_the_same_click_a_million_times_is_not_looked_at_to_the_end(pet, tmp_path):
    clicks = {"fg": [[1, 2, 3]] * 1_000_000, "bg": []}
    with pytest.raises(ValueError, match="more than 10000 prompts"):
        read_prompts(written(tmp_path, clicks=lists(*[clicks] * 200)), ImageSpace.of(pet))
    with pytest.raises(ValueError, match="at most 255 objects"):
        read_prompts(written(tmp_path, clicks=lists(*[{}] * 256)), ImageSpace.of(pet))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"gts": np.zeros(3)}, "none of boxes, clicks and prev_pred. It has gts.npy"),
        ({"boxes": lists(BOX), "imgs": np.zeros((3, 4, 5))}, r"imgs has the size \(3, 4, 5\)"),
        ({"boxes": lists({"z_min": 3})}, r"boxes\[0\] has no .*z_mid_x_max"),
        ({"boxes": lists(3)}, r"boxes\[0\] has no"),
        ({"boxes": lists({**BOX, "z_min": np.nan})}, r"boxes\[0\].*finite"),
        ({"boxes": lists({**BOX, "z_min": 1e300})}, r"boxes\[0\].*at most"),
        ({"boxes": np.zeros((2, 6))}, "boxes: it must be a list"),
        ({"clicks": lists([1, 2])}, r"clicks\[0\] must have the lists fg and bg"),
        ({"clicks": lists({"fg": [[1, 2]]})}, r"clicks\[0\].fg\[0\].*three coordinates"),
        ({"prev_pred": np.zeros(SIZE[::-1], np.float32)}, "prev_pred: it must be whole numbers"),
        ({"prev_pred": np.zeros(SIZE[::-1], np.uint8)}, "prev_pred must have labels from 1"),
    ],
)
def test_wrong_files_are_named_with_the_key(pet, tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message) as error:
        read_prompts(written(tmp_path, **arrays), ImageSpace.of(pet))
    assert "case.npz" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip"])
def test_damaged_archives_are_named(pet, tmp_path, content):
    (tmp_path / "case.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"case.npz can't be read"):
        read_prompts(tmp_path / "case.npz", ImageSpace.of(pet))
