"""Files that come from elsewhere are read, never run: what the tests of teachers, config and conversion don't show yet."""

import functools
import inspect
import os
import pickle
import stat
import zipfile

import blosc2
import numpy as np
import pytest
import torch
from support import DATASET, build_small_teacher, make_trainer, write_config

from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.label_maps import find_label_maps
from nnunetv2_muduo.storage import DamagedFile, StoredArray, write_array
from nnunetv2_muduo.teachers.weights import save_teacher


class Payload:
    """Pickles as a call that makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("in_zip", [True, False])
def test_a_crafted_teacher_stops_the_training_and_does_nothing(tiny_dataset, tmp_path, monkeypatch, in_zip):
    made, path = tmp_path / "made", tmp_path / "teacher.pth"
    if in_zip:
        torch.save({"model_state_dict": {"a": Payload(made)}}, path)
    else:
        path.write_bytes(pickle.dumps(Payload(made)))
    write_config(monkeypatch, tmp_path, ct_teacher=str(path))
    with pytest.raises(ValueError, match=r"teacher.pth"):
        make_trainer().initialize()
    assert not made.exists()


def test_teachers_are_found_in_the_home_folder(tiny_dataset, tmp_path, monkeypatch, capsys):
    from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble

    save_teacher(build_small_teacher(3), tmp_path / "teacher.pth")
    monkeypatch.setenv("HOME", str(tmp_path))
    write_config(monkeypatch, tmp_path, ct_teacher="~/teacher.pth", pet_teacher="~/teacher.pth")
    trainer = make_trainer()
    trainer.initialize()
    ensemble = TeacherEnsemble(trainer.muduo_config, [0, 1, 2], [1, 2], torch.device("cpu"))
    assert ensemble.teachers.keys() == {"ct", "pet"}
    assert "(sha256 " in capsys.readouterr().out


def test_a_config_with_unknown_keys_or_code_is_refused(tmp_path, monkeypatch):
    made, path = tmp_path / "made", tmp_path / "muduo.yaml"
    monkeypatch.setenv("nnUNet_muduo_config", str(path))
    path.write_text(f"!!python/object/apply:os.mkdir ['{made}']")
    with pytest.raises(ValueError, match=r"muduo\.yaml is not valid YAML"):
        load_config()
    path.write_text("__class__: 1")
    with pytest.raises(ValueError, match=r"unknown key '__class__'"):
        load_config()
    assert not made.exists()


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    "member",
    ["../../case.nii.gz", "/etc/case.nii.gz", "maps/../../case.nii.gz", "..\\case.nii.gz", link("case.nii.gz")],
)
def test_archives_with_ways_out_or_links_are_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        archive.writestr("good.nii.gz", b"")
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(ValueError, match=r"maps\.zip: .*case\.nii\.gz.* link or leads out of the archive"):
        find_label_maps(tmp_path / "maps.zip")


def test_archives_without_them_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        archive.writestr("maps/a..b.nii.gz", b"")
    assert len(find_label_maps(tmp_path / "maps.zip").by_key) == 1


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "a/b", "a\\b", "$(reboot)", "`reboot`", "a;b", "-rf", "a\nb", "~"]
)
def test_converted_cases_have_harmless_names(name):
    for case in (Case(name, name, None, None), Case("patient", name, None, None), Case("p", "", None, None, name=name)):
        assert not set(case.case_id) - set("abcdefghijklmnopqrstuvwxyz0123456789_-")
        assert not case.case_id.startswith("-")


def test_properties_are_unpickled_from_the_preprocessed_folder_alone(tiny_dataset, monkeypatch):
    from batchgenerators.utilities import file_and_folder_operations
    from nnunetv2.training.dataloading import nnunet_dataset

    from nnunetv2_muduo.trainers import augmentation

    read = []
    real = file_and_folder_operations.load_pickle
    for module in (augmentation, nnunet_dataset):
        monkeypatch.setattr(module, "load_pickle", lambda path, *args: read.append(path) or real(path, *args))
    folder = tiny_dataset / "pre" / DATASET
    trainer = make_trainer("nnUNetTrainerMuDuoPromptGenerator")
    trainer.dataset_json = {**trainer.dataset_json, "labels": {"background": 0, "kidney_left": 1, "kidney_right": 2}}
    trainer.on_train_start()
    assert read
    assert all(path.startswith(str(folder)) for path in read)


def make_a_folder(inputs, output, offset):
    """What a crafted array computes: blosc2 keeps the text of the function in the file."""
    np.loadtxt.__globals__["os"].mkdir("made")
    output[:] = inputs[0]


def crafted(kind, operand, path):
    """A file that blosc2 opens as something else than the array that is stored in it."""
    numbers = np.zeros((2, 4), np.float32)
    make = {
        "function": lambda: blosc2.lazyudf(make_a_folder, (operand,), dtype=np.float32).save(urlpath=path),
        "expression": lambda: (operand + 1).save(urlpath=path),
        "proxy": lambda: blosc2.Proxy(operand, urlpath=path, mode="w"),
        "objects": lambda: blosc2.SChunk(urlpath=path, mode="w", meta={"vlarray": {}}),
        "more": lambda: blosc2.asarray(numbers, urlpath=path, mode="w", meta={"more": 1}),
        "no array": lambda: blosc2.SChunk(data=numbers.tobytes(), urlpath=path, mode="w"),
        "texts": lambda: blosc2.asarray(numbers.astype("U3"), urlpath=path, mode="w"),
        "structures": lambda: blosc2.asarray(np.zeros(3, [("a", "f4")]), urlpath=path, mode="w"),
    }
    make[kind]()


@pytest.fixture
def blosc2_that_runs(monkeypatch):
    """As blosc2 was up to 4.3.3, the last one for Python 3.10: what a file says is done when it is opened."""
    if "deserialize" in inspect.signature(blosc2.open).parameters:
        monkeypatch.setattr(blosc2, "open", functools.partial(blosc2.open, deserialize="full"))


CRAFTED = ["function", "expression", "proxy", "objects", "more", "no array", "texts", "structures"]


@pytest.mark.parametrize("kind", CRAFTED)
@pytest.mark.usefixtures("blosc2_that_runs")
def test_an_array_that_is_a_program_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    operand = blosc2.asarray(np.zeros((2, 4), np.float32), urlpath=str(tmp_path / "operand.b2nd"), mode="w")
    crafted(kind, operand, str(tmp_path / "case_0000.b2nd"))
    with pytest.raises(DamagedFile, match=r"case_0000\.b2nd can't be read \(it holds .*"):
        StoredArray(tmp_path / "case_0000.b2nd")
    assert not (tmp_path / "made").exists()
    if kind == "function":  # the file would have done it
        blosc2.open(str(tmp_path / "case_0000.b2nd"), mode="r")[:]
        assert (tmp_path / "made").exists()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float16", "float32"])
def test_arrays_of_numbers_are_read(tmp_path, dtype):
    array = np.arange(5 * 6 * 7).reshape(1, 5, 6, 7).astype(dtype)
    write_array(array, tmp_path / "a.b2nd", [4, 4, 4])
    np.testing.assert_array_equal(StoredArray(tmp_path / "a.b2nd")[:], array)


def test_a_header_of_garbage_is_no_array(tmp_path):
    write_array(np.ones((1, 5, 6, 7), np.uint8), tmp_path / "a.b2nd", [4, 4, 4])
    whole = (tmp_path / "a.b2nd").read_bytes()
    for content in (b"", b"x", whole[:14], whole[:60], b"\xff" * 300, whole[:11] + b"\x7f\xff\xff\xff" + whole[15:]):
        (tmp_path / "a.b2nd").write_bytes(content)
        with pytest.raises(DamagedFile, match=r"a\.b2nd can't be read"):
            StoredArray(tmp_path / "a.b2nd")
    (tmp_path / "folder.b2nd").mkdir()
    with pytest.raises(DamagedFile, match=r"folder\.b2nd can't be read"):
        StoredArray(tmp_path / "folder.b2nd")
