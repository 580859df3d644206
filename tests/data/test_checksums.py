"""Bits that a disk flips: every one is found in every file of a prepared case, most of which read without an error."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import DATASET, log_of, make_trainer, prepare_tiny

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.checksums import OncePerFile, compare, digests_of_files, is_whole, resealed, sealed
from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.data.prompt_maps import latest_prompt_maps
from nnunetv2_muduo.trainers.requirements import Preparation

N_FLIPS = 60
HEADER_BYTES = 300  # a flip in them can ask for any memory when the file is read
CASE = "unlabeled_2"


def folder_of(root: Path) -> Path:
    return root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"


def maps_of(root: Path) -> Path:
    return latest_prompt_maps(folder_of(root), "nnUNetTrainerMuDuoPromptGenerator", "fold_0")


def preparation() -> Preparation:
    trainer = make_trainer()
    trainer.initialize()
    return Preparation(trainer, trainer.prompt_generator)


def flip(file: Path, position: int, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1 << bit
    file.write_bytes(content)


@pytest.fixture
def files(prepared_dataset) -> dict[str, list[Path]]:
    """Files of a prepared case, and of its prompt map, with their records."""
    case, organs = folder_of(prepared_dataset), maps_of(prepared_dataset)
    return {
        "case": [*sorted(case.glob(f"{CASE}_*.b2nd")), case / f"{CASE}.json"],
        "map": [organs / f"{CASE}.b2nd", organs / f"{CASE}.npz", organs / f"{CASE}.json"],
    }


@pytest.mark.parametrize("what", ["case", "map"])
def test_every_flipped_bit_is_found(files, what):
    """Beside the checksums, a record says whether other images or plans are wanted: any reason will do."""
    prepared, rng = preparation(), np.random.default_rng(0)
    assert prepared.missing() == []
    unnoticed = 0
    for file in files[what]:
        whole = file.read_bytes()
        for position, bit in zip(rng.integers(0, len(whole), N_FLIPS), rng.integers(0, 8, N_FLIPS), strict=True):
            flip(file, position, bit)
            unnoticed += file.suffix == ".b2nd" and position > HEADER_BYTES and reads_without_error(file)
            reasons = prepared.outdated_cases() if what == "case" else prepared.outdated_maps()
            assert reasons.keys() == {CASE}, (file.name, position, bit)
            if file.suffix != ".json":
                assert reasons[CASE] == f"{file.name} is damaged"
            file.write_bytes(whole)
    assert unnoticed > N_FLIPS // 10  # without checksums these would have been trained with
    assert prepared.missing() == []


def reads_without_error(file: Path) -> bool:
    try:
        storage.StoredArray(file)[:]
    except storage.DamagedFile:
        return False
    return True


@pytest.mark.parametrize("what", ["case", "map"])
def test_what_is_damaged_is_named_and_made_again(files, what):
    file, kind = files[what][0], "unlabeled case(s) to preprocess" if what == "case" else "prompt map(s) to make"
    whole = storage.StoredArray(file)[:]
    others = {other: other.read_bytes() for other in file.parent.glob("unlabeled_1*")}
    flip(file, file.stat().st_size // 2, 3)
    assert preparation().missing() == [f"1 {kind}: {file.name} is damaged (1)"]
    prepare_tiny()
    np.testing.assert_array_equal(storage.StoredArray(file)[:], whole)
    assert preparation().missing() == []
    assert {other: other.read_bytes() for other in others} == others


def test_without_raw_data_a_damaged_case_is_an_error_before_the_training(prepared_dataset, files):
    shutil.rmtree(prepared_dataset / "raw")
    flip(files["case"][0], 1000, 5)
    with pytest.raises(FileNotFoundError, match=rf"again \({files['case'][0].name} is damaged\), but .*nnUNet_raw"):
        prepare_tiny()


def test_a_training_says_what_was_damaged_before_it_begins(files, monkeypatch):
    flip(files["case"][1], 1000, 0)
    monkeypatch.setattr("nnunetv2_muduo.trainers.prepare.run_to_the_end", lambda command, says: prepare_tiny() or None)
    trainer = make_trainer()
    trainer.on_train_start()
    assert f"1 unlabeled case(s) to preprocess: {files['case'][1].name} is damaged (1)." in log_of(trainer)


def test_a_file_that_is_gone_or_too_many_is_named(prepared_dataset, files):
    lack = folder_of(prepared_dataset) / f"{CASE}_0001_lack.b2nd"
    there = lack.is_file()
    if there:
        lack.unlink()
    else:
        lack.write_bytes(files["case"][0].read_bytes())
    assert preparation().outdated_cases() == {CASE: f"{lack.name} is {'missing' if there else 'damaged'}"}


def without_checksums(record_file: Path) -> None:
    """As earlier versions wrote a record."""
    record = json.loads(record_file.read_text())
    record = {name: value for name, value in record.items() if name not in ("sha256", "digest")}
    record_file.write_text(json.dumps(record["case"] if record.keys() == {"case"} else record))


def test_earlier_versions_files_get_checksums_and_a_line_says_so(prepared_dataset, files, capsys):
    folder, maps = folder_of(prepared_dataset), maps_of(prepared_dataset)
    for record_file in [*folder.glob("*.json"), *maps.glob("unlabeled_*.json")]:
        without_checksums(record_file)
    assert isinstance(json.loads(files["map"][2].read_text()), list)
    before = {file: file.read_bytes() for file in folder.rglob("*.b2nd")}
    assert preparation().missing() == []
    said = [line for line in capsys.readouterr().out.splitlines() if "checksums" in line]
    assert [
        place for place, line in zip((folder, maps), said, strict=True) if f"4 case(s) in {place}, pre" in line
    ] == [
        folder,
        maps,
    ]
    assert {file: file.read_bytes() for file in before} == before
    assert preparation().missing() == []
    assert "checksums" not in capsys.readouterr().out
    flip(files["case"][0], 500, 1)
    flip(files["map"][1], 100, 1)
    assert preparation().missing() == [f"1 unlabeled case(s) to preprocess: {files['case'][0].name} is damaged (1)"]


def test_earlier_versions_files_that_may_only_be_read_are_used(prepared_dataset, files, monkeypatch, capsys):
    for record_file in folder_of(prepared_dataset).glob("*.json"):
        without_checksums(record_file)

    def refuse(*args):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(storage, "write_json", refuse)
    assert preparation().missing() == []
    assert "checksums" not in capsys.readouterr().out


FOREIGN = {
    "another shape": (lambda labels: labels[:, :-1], r"unlabeled_2\.b2nd has the shape .*, its case .*"),
    "transposed": (lambda labels: np.swapaxes(labels, 1, 3), r"unlabeled_2\.b2nd has the shape .*"),
    "a foreign label": (
        lambda labels: labels + np.uint8(1),
        r"unlabeled_2\.b2nd has labels from 1 to 3, .*from 0 to 2.*",
    ),
    "a negative label": (lambda labels: labels.astype(np.int16) - 1, r"unlabeled_2\.b2nd has labels from -1 to 1, .*"),
}


@pytest.mark.parametrize("checksums", [True, False], ids=["with checksums", "of an earlier version"])
@pytest.mark.parametrize(("change", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_map_of_something_else_is_made_again(prepared_dataset, files, change, message, checksums):
    path, _, record_file = files["map"]
    labels = storage.StoredArray(path)[:]
    labels[0, :2, :2, :2] = 2  # the generator, hardly trained, may have answered with background alone
    other = change(labels)
    storage.write_array(other, path, [8] * (other.ndim - 1))
    if checksums:
        record = {"case": json.loads(record_file.read_text())["case"]}
        storage.write_json(sealed(record, files["map"][:2]), record_file)
    else:
        without_checksums(record_file)
    (reason,) = preparation().missing()
    assert re.search(rf"1 prompt map\(s\) to make: {message} \(1\)", reason), reason


def test_a_map_of_another_shape_is_no_segmentation_of_the_case(prepared_dataset):
    from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset

    maps = maps_of(prepared_dataset)
    labels = storage.StoredArray(maps / f"{CASE}.b2nd")[:]
    write_prompt_map(labels[:, 1:], maps, CASE, [1, 2], [8, 8, 8])
    dataset = UnlabeledDataset(folder_of(prepared_dataset), maps, [CASE])
    with pytest.raises(storage.DamagedFile, match=r"unlabeled_2\.b2nd has the shape .*, its case .*muduo prepare"):
        dataset.load_case(CASE)


def test_a_file_is_read_once_until_it_changes(tmp_path):
    read = []
    once = OncePerFile(lambda file: read.append(file.name) or file.read_text(), "Reading")
    files = [tmp_path / name for name in "ab"]
    for file in files:
        file.write_text(file.name)
    assert once(files) == once(files) == {files[0]: "a", files[1]: "b"}
    assert sorted(read) == ["a", "b"]
    files[1].write_text("other")
    assert once(files) == {files[0]: "a", files[1]: "other"}
    assert sorted(read) == ["a", "b", "b"]


def test_a_file_that_the_disk_can_not_read_is_damaged(tmp_path, monkeypatch):
    (tmp_path / "a.b2nd").write_bytes(b"content")
    storage.write_json(sealed({"x": float("inf")}, [tmp_path / "a.b2nd"]), tmp_path / "a.json")
    assert compare(tmp_path, {"a": [tmp_path / "a.b2nd"]}, digests_of_files()) == ({}, [])

    def fail(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(storage, "file_digest", fail)
    assert compare(tmp_path, {"a": [tmp_path / "a.b2nd"]}, digests_of_files()) == ({"a": "a.b2nd is damaged"}, [])


def test_a_record_may_be_changed_on_purpose(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    record = sealed({"source": [1], "scale": 2.5}, [tmp_path / "a"])
    assert is_whole(record)
    assert is_whole(json.loads(json.dumps(record)))
    assert not is_whole({**record, "scale": 2.75})
    assert not is_whole({**record, "sha256": {"a": "0"}})
    other = resealed(record, source=[2])
    assert other["source"] == [2]
    assert is_whole(other)
    assert is_whole(resealed({"source": [1]}, source=[2]))
