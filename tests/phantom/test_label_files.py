"""The label maps of a folder, and what their values mean."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.phantom.label_files import find_label_files, find_organ_values


def test_names_are_read_from_where_they_are(files, tmp_path):
    folder = tmp_path / "dataset" / "labelsTr"
    folder.mkdir(parents=True)
    shutil.copy(files[0], folder)
    (folder / f"._{files[0].name}").write_bytes(b"\0\x05\x16\x07")  # as macOS leaves it
    found = find_label_files(tmp_path / "dataset")
    assert [path.name for path in found] == [files[0].name]
    (tmp_path / "dataset" / "dataset.json").write_text('{"labels": {"background": 0, "liver": 3}}')
    assert find_organ_values(found) == {"background": 0, "liver": 3}
    (tmp_path / "names.json").write_text('{"background": 0, "spleen": 7}')
    assert find_organ_values(found, tmp_path / "names.json") == {"background": 0, "spleen": 7}
    with pytest.raises(FileNotFoundError, match="no file"):
        find_organ_values(found, tmp_path / "nowhere.json")
    with pytest.raises(FileNotFoundError, match="no label maps"):
        find_label_files(tmp_path)


def test_without_names_only_autopet3_is_known(files, tmp_path):
    (tmp_path / "maps").mkdir()
    shutil.copy(files[0], tmp_path / "maps")
    labels = find_organ_values(find_label_files(tmp_path / "maps"))
    assert labels["head_glands"] == 10
    assert labels["kidneys"] == 2
    for name, change in (("fdg_00aa_tumor", lambda a: (a > 4).astype(np.uint8)), ("mine", lambda a: a)):
        folder = tmp_path / name
        folder.mkdir()
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(files[0])))
        sitk.WriteImage(sitk.GetImageFromArray(change(array)), str(folder / f"{name}.nii.gz"))
        with pytest.raises(ValueError, match=r"Put a labels\.json beside the maps"):
            find_organ_values(find_label_files(folder))
