import errno
import json
import os
import shutil
import threading
import time

import blosc2
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from filelock import FileLock
from support import DATASET, generator_folders, log_of, make_trainer, missing, prepare_tiny

from nnunetv2_muduo import storage, trainers
from nnunetv2_muduo.data.prompt_maps import latest_prompt_maps
from nnunetv2_muduo.trainers.requirements import Preparation


def folder(root):
    return root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"


def stamps(root):
    files = [*folder(root).rglob("*.b2nd"), *(root / "res").rglob("checkpoint_final.pth")]
    return {str(file): file.stat().st_mtime_ns for file in files}


def map_folder(root):
    """The newest prompt maps of fold 0."""
    return latest_prompt_maps(folder(root), "nnUNetTrainerMuDuoPromptGenerator", "fold_0")


def test_everything_is_there_once_prepared(prepared_dataset):
    assert missing() == []
    assert len(list(map_folder(prepared_dataset).glob("*.b2nd"))) == 4
    before = stamps(prepared_dataset)
    prepare_tiny()
    assert stamps(prepared_dataset) == before


def test_the_generators_log_holds_all_that_is_said_before_its_folder_is_known(prepared_dataset, capsys):
    shutil.rmtree(prepared_dataset / "res")
    (prepared_dataset / "res").mkdir()
    prepare_tiny()
    assert "failed to log" not in capsys.readouterr().out
    (generator,) = generator_folders(prepared_dataset)
    (log,) = generator.glob("training_log*.txt")
    text = log.read_text()
    for said in ("becomes [24, 24, 24]", "has 4 training and 1 validation cases", "CT teacher: ", "Prompt maps: "):
        assert said in text, said


def test_changed_images_are_preprocessed_and_prompted_again(prepared_dataset):
    image = prepared_dataset / "raw" / DATASET / "imagesUn" / "unlabeled_2_0001.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(image)) * 1.5, str(image))
    assert missing() == ["1 unlabeled case(s) to preprocess: its images have changed since (1)"]
    before = stamps(prepared_dataset)
    prepare_tiny()
    assert missing() == []
    changed = {file for file, stamp in stamps(prepared_dataset).items() if before[file] != stamp}
    cases = {str(folder(prepared_dataset) / f"unlabeled_2_{channel:04d}.b2nd") for channel in range(2)}
    assert changed == {*cases, str(map_folder(prepared_dataset) / "unlabeled_2.b2nd")}


@pytest.mark.parametrize("time_ns", [0, 10**18], ids=["cp -r", "tar"])
def test_copied_images_are_the_same_images(prepared_dataset, time_ns):
    images = prepared_dataset / "raw" / DATASET / "imagesUn"
    for image in images.iterdir():
        os.utime(image, ns=(time_ns, time_ns))
    assert missing() == []
    record = json.loads((folder(prepared_dataset) / "unlabeled_1.json").read_text())
    assert [stamp[2] for stamp in record["source"]] == [time_ns] * 2  # and they needn't be read at the next start
    assert missing() == []
    image = images / "unlabeled_2_0001.nii.gz"
    content = bytearray(image.read_bytes())
    content[4] ^= 1  # another time within gzip's header: the size stays
    image.write_bytes(content)
    assert missing() == ["1 unlabeled case(s) to preprocess: its images have changed since (1)"]


@pytest.mark.parametrize("orientation", ["RAS", "ILP"])
def test_unlabeled_cases_are_brought_into_the_orientation_of_the_labeled(prepared_dataset, orientation):
    prepared = [folder(prepared_dataset) / f"unlabeled_2_{channel:04d}.b2nd" for channel in range(2)]
    before = [blosc2.open(str(file))[:] for file in prepared]
    for image in (prepared_dataset / "raw" / DATASET / "imagesUn").glob("unlabeled_2_*"):
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(image)), orientation), str(image))
    prepare_tiny()
    for file, array in zip(prepared, before, strict=True):
        np.testing.assert_array_equal(blosc2.open(str(file))[:], array)
    assert missing() == []


def test_maps_are_made_again_where_a_case_is_turned(prepared_dataset, monkeypatch):
    for image in (prepared_dataset / "raw" / DATASET / "imagesUn").glob("unlabeled_2_*"):
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(image)), "RAS"), str(image))
    with monkeypatch.context() as as_stored:
        as_stored.setattr(Preparation, "orientation", None)
        prepare_tiny()
        assert missing() == []
    maps_before = blosc2.open(str(map_folder(prepared_dataset) / "unlabeled_2.b2nd"))[:]
    prepare_tiny()
    assert missing() == []
    turned = blosc2.open(str(map_folder(prepared_dataset) / "unlabeled_2.b2nd"))[:]
    assert not np.array_equal(turned, maps_before)


def test_what_was_prepared_in_another_orientation_is_prepared_again(prepared_dataset):
    record_file = folder(prepared_dataset) / "unlabeled_2.json"
    record = json.loads(record_file.read_text())
    record_file.write_text(json.dumps(record | {"direction": np.diag([-1.0, -1, 1]).ravel().tolist()}))
    why = "it is stored in another orientation than the labeled cases (1)"
    assert missing() == [f"1 unlabeled case(s) to preprocess: {why}"]


def test_copied_images_where_prepared_data_may_only_be_read(prepared_dataset, monkeypatch):
    os.utime(prepared_dataset / "raw" / DATASET / "imagesUn" / "unlabeled_2_0001.nii.gz", (0, 0))

    def refuse(*args):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(storage, "write_json", refuse)
    assert missing() == []


def test_a_prompt_map_that_was_removed_is_made_again(prepared_dataset):
    for name in ("unlabeled_1.b2nd", "unlabeled_3.npz"):
        (map_folder(prepared_dataset) / name).unlink()
    assert missing() == ["2 prompt map(s) to make: not there (2)"]
    prepare_tiny()
    assert missing() == []


def change_labels(root):
    split = root / "pre" / DATASET / "splits_final.json"
    content = json.loads(split.read_text())
    content[0]["train"], content[0]["val"] = content[0]["train"][1:], content[0]["train"][:1]
    split.write_text(json.dumps(content))


def test_a_generator_of_other_labels_stays_and_another_is_trained(prepared_dataset, capsys):
    change_labels(prepared_dataset)
    assert missing() == ["prompt generator to train: it was trained on other labeled cases or labels"]
    (first,) = generator_folders(prepared_dataset)
    stamp = (first / "checkpoint_final.pth").stat().st_mtime_ns
    old_maps = map_folder(prepared_dataset)
    prepare_tiny()
    assert missing() == []
    output = capsys.readouterr().out
    assert "Prompt generator: it was trained on other labeled cases or labels." in output
    assert "Prompt maps: 0 of 4 there; to make: the prompt generator is a new one." in output
    assert [(found / "checkpoint_final.pth").is_file() for found in generator_folders(prepared_dataset)] == [True, True]
    assert (first / "checkpoint_final.pth").stat().st_mtime_ns == stamp
    assert len(list(old_maps.glob("*.b2nd"))) == 4  # another training may be reading them
    assert map_folder(prepared_dataset) != old_maps


def interrupt_generator(root):
    """As if its training had been stopped after the first of two epochs."""
    (generator,) = generator_folders(root)
    content = torch.load(generator / "checkpoint_final.pth", weights_only=False)
    for values in content["logging"].values():
        del values[1:]
    torch.save({**content, "current_epoch": 1}, generator / "checkpoint_latest.pth")
    (generator / "checkpoint_final.pth").unlink()


def count_epochs(monkeypatch):
    epochs = []
    trainer_class = trainers.nnUNetTrainerMuDuoPromptGenerator
    start = trainer_class.on_epoch_start
    monkeypatch.setattr(trainer_class, "on_epoch_start", lambda self: epochs.append(self.current_epoch) or start(self))
    return epochs


def test_an_interrupted_generator_goes_on(prepared_dataset, monkeypatch):
    interrupt_generator(prepared_dataset)
    epochs = count_epochs(monkeypatch)
    prepare_tiny()
    assert epochs == [1]
    assert missing() == []


def test_an_interrupted_generator_of_other_labels_never_goes_on(prepared_dataset, monkeypatch):
    interrupt_generator(prepared_dataset)
    change_labels(prepared_dataset)
    epochs = count_epochs(monkeypatch)
    prepare_tiny()
    assert epochs == [0, 1]
    assert missing() == []


def test_a_second_preparation_waits_for_the_first_ones_generator(prepared_dataset, monkeypatch, capsys):
    epochs = count_epochs(monkeypatch)
    with FileLock(generator_folders(prepared_dataset)[0].with_suffix(".lock")):
        second = threading.Thread(target=prepare_tiny)
        second.start()
        output = ""
        while "Waiting for another process" not in output:
            time.sleep(0.1)
            output += capsys.readouterr().out
            assert second.is_alive()
    second.join()
    assert epochs == []
    assert "Prompt generator: there" in capsys.readouterr().out


def test_a_prompt_map_is_the_generators_answer_with_places_of_each_organ(prepared_dataset):
    from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset

    maps = map_folder(prepared_dataset)
    dataset = UnlabeledDataset(folder(prepared_dataset), maps, [f"unlabeled_{i}" for i in range(4)])
    for case in dataset.identifiers:
        views, prompt_map, _, properties = dataset.load_case(case)
        labels = prompt_map[:]
        assert labels.shape == (1, *views.shape[1:])
        assert labels.dtype == np.uint8
        for organ, places in properties["class_locations"].items():
            assert (labels[tuple(places.T)] == organ).all()
            assert (len(places) > 0) == (labels == organ).any()


def test_a_training_prepares_itself_in_a_process_of_its_own(prepared_dataset, monkeypatch):
    commands = []

    def run(command, says):
        commands.append(command)
        prepare_tiny()
        return None

    monkeypatch.setattr("nnunetv2_muduo.trainers.prepare.run_to_the_end", run)
    shutil.rmtree(map_folder(prepared_dataset))
    make_trainer().on_train_start()
    (command,) = commands
    assert command[1:4] == ["-m", "nnunetv2_muduo.cli", "prepare"]
    assert "-tr nnUNetTrainerMuDuo -device cpu" in " ".join(command)


def test_without_raw_data_new_plans_are_an_error_that_says_so(prepared_dataset):
    plans_file = prepared_dataset / "pre" / DATASET / "nnUNetPlans.json"
    plans = json.loads(plans_file.read_text())
    plans["foreground_intensity_properties_per_channel"]["0"]["mean"] += 1
    plans_file.write_text(json.dumps(plans))
    shutil.rmtree(prepared_dataset / "raw" / DATASET)
    with pytest.raises(
        FileNotFoundError, match=rf"4 .* again \(made with other plans\), but .*{DATASET} is not in nnUNet_raw"
    ):
        prepare_tiny()


@pytest.fixture
def read_only(prepared_dataset, monkeypatch):
    """The prepared data set, in whose preprocessed folder nothing can be written. Returns its root folder."""
    real = storage.TemporaryFile

    def refuse(dir):
        if (prepared_dataset / "pre") in (dir, *dir.parents):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(dir / "tmp123"))
        return real(dir=dir)

    monkeypatch.setattr(storage, "TemporaryFile", refuse)
    return prepared_dataset


def test_read_only_prepared_data_are_all_that_a_training_needs(read_only):
    prepare_tiny()
    make_trainer().run_training()


@pytest.mark.parametrize("missing_part", ["generator", "prompt maps", "unlabeled cases"])
def test_read_only_data_are_found_out_before_anything_is_made(read_only, monkeypatch, missing_part):
    if missing_part == "generator":
        shutil.rmtree(read_only / "res" / DATASET)
    else:
        shutil.rmtree(map_folder(read_only) if missing_part == "prompt maps" else folder(read_only))
    epochs = count_epochs(monkeypatch)
    with pytest.raises(
        RuntimeError, match=r", but .*pre.* can't be written \(Read-only file system\)\. Prepare where it can"
    ):
        prepare_tiny()
    assert epochs == []


@pytest.mark.parametrize("name", ["checkpoint_latest.pth", "checkpoint_previous.pth", "checkpoint_final.pth.part"])
def test_a_generator_killed_at_its_very_end_leaves_nothing(prepared_dataset, name):
    (generator,) = generator_folders(prepared_dataset)
    (generator / name).write_bytes((generator / "checkpoint_best.pth").read_bytes())
    stamp = (generator / "checkpoint_final.pth").stat().st_mtime_ns
    prepare_tiny()
    assert {path.name for path in generator.glob("*checkpoint*")} == {"checkpoint_final.pth", "checkpoint_best.pth"}
    assert (generator / "checkpoint_final.pth").stat().st_mtime_ns == stamp


def test_a_failed_preparation_ends_with_its_cause(prepared_dataset, monkeypatch):
    (prepared_dataset / "raw" / DATASET / "imagesUn" / "unlabeled_1_0001.nii.gz").unlink()
    shutil.rmtree(folder(prepared_dataset))
    trainer = make_trainer("nnUNetTrainerMeanTeacher")
    monkeypatch.setattr(Preparation, "missing", lambda self: ["4 unlabeled case(s) to preprocess"])
    with pytest.raises(
        RuntimeError, match=r"Preparation failed(.|\n)*The cause:\nmuduo prepare: .*unlabeled_1"
    ) as failure:
        trainer.run_training()
    assert str(failure.value) in log_of(trainer)
