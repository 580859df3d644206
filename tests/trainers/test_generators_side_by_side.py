"""Two configs on one fold: each has its generator, and a student goes on with its own alone."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from support import DATASET, generator_folders, make_trainer, missing, prepare_tiny, write_config

from nnunetv2_muduo import trainers
from nnunetv2_muduo.data.generator_identity import GENERATOR_RECORD

STOCK = "nnUNetTrainerMuDuoPromptGenerator__nnUNetPlans__3d_fullres"


@pytest.fixture
def trained(monkeypatch):
    """Numbers of the epochs that prompt generators are trained for, as they begin."""
    epochs = []
    start = trainers.nnUNetTrainerMuDuoPromptGenerator.on_epoch_start
    monkeypatch.setattr(
        trainers.nnUNetTrainerMuDuoPromptGenerator,
        "on_epoch_start",
        lambda self: epochs.append(self.current_epoch) or start(self),
    )
    return epochs


def finals(root: Path) -> dict[Path, int]:
    files = [folder / "checkpoint_final.pth" for folder in generator_folders(root)]
    return {file: file.stat().st_mtime_ns for file in files}


def test_two_configs_live_beside_each_other(prepared_dataset, tmp_path, monkeypatch, trained):
    first = finals(prepared_dataset)
    for config, epochs in [
        ({"prompt_generator_num_epochs": 1}, [0]),
        ({}, []),
        ({"prompt_generator_num_epochs": 1}, []),
    ]:
        write_config(monkeypatch, tmp_path, **config)
        prepare_tiny()
        assert missing() == []
        assert trained == epochs
        trained.clear()
    both = finals(prepared_dataset)
    assert len(both) == 2
    assert first.items() <= both.items()
    maps = prepared_dataset / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled" / "prompt_maps"
    assert [len(list(folder.glob("*.b2nd"))) for folder in maps.iterdir()] == [4, 4]


def to_stock_folder(root: Path) -> Path:
    """As versions without identities in their names, and nnU-Net's own command, have left a generator."""
    (folder,) = generator_folders(root)
    return shutil.move(folder.parent, folder.parent.with_name(STOCK)) / "fold_0"


@pytest.mark.parametrize("killed", [False, True])
def test_a_generator_without_identity_in_its_name_is_found(prepared_dataset, trained, killed):
    stock = to_stock_folder(prepared_dataset)
    if killed:
        content = torch.load(stock / "checkpoint_final.pth", weights_only=False)
        for values in content["logging"].values():
            del values[1:]
        torch.save({**content, "current_epoch": 1}, stock / "checkpoint_latest.pth")
        (stock / "checkpoint_final.pth").unlink()
    prepare_tiny()
    assert trained == [1] * killed
    assert missing() == []
    assert generator_folders(prepared_dataset) == [stock]


def test_a_generator_without_identity_that_belongs_to_something_else_stays(
    prepared_dataset, tmp_path, monkeypatch, trained
):
    stock = to_stock_folder(prepared_dataset)
    before = (stock / "checkpoint_final.pth").stat().st_mtime_ns
    write_config(monkeypatch, tmp_path, prompt_generator_num_epochs=1)
    prepare_tiny()
    assert trained == [0]
    assert (stock / "checkpoint_final.pth").stat().st_mtime_ns == before


def test_nnunet_takes_the_folders_name_apart(prepared_dataset):
    from nnunetv2.utilities.file_path_utilities import parse_dataset_trainer_plans_configuration_from_path

    (folder,) = generator_folders(prepared_dataset)
    dataset, trainer, plans, configuration = parse_dataset_trainer_plans_configuration_from_path(str(folder))
    assert (dataset, plans, configuration) == (DATASET, "nnUNetPlans", "3d_fullres")
    assert trainer.startswith("nnUNetTrainerMuDuoPromptGenerator-")


@pytest.fixture
def student(prepared_dataset):
    """The checkpoint of a student that has begun."""
    trainer = make_trainer()
    trainer.on_train_start()
    path = Path(trainer.output_folder, "checkpoint_latest.pth")
    trainer.on_train_epoch_start()
    trainer.save_checkpoint(str(path))
    return path


def go_on(checkpoint: Path) -> None:
    make_trainer(continue_training=True).load_checkpoint(str(checkpoint))


def generator_id(root: Path) -> str:
    content = torch.load(generator_folders(root)[-1] / "checkpoint_final.pth", weights_only=False)
    return content["init_args"]["muduo"]["generator_id"][:8]


def test_a_student_goes_on_with_its_generator(prepared_dataset, student):
    go_on(student)
    assert json.loads((student.parent / GENERATOR_RECORD).read_text())["id"].startswith(generator_id(prepared_dataset))


def test_a_student_does_not_go_on_with_a_generator_trained_anew(prepared_dataset, student):
    before = generator_id(prepared_dataset)
    (folder,) = generator_folders(prepared_dataset)
    kept = shutil.move(folder, folder.with_name("elsewhere"))
    with pytest.raises(
        ValueError, match=f"trained with prompt generator {before}, .*; one that is still to be trained does"
    ):
        go_on(student)
    prepare_tiny()
    with pytest.raises(ValueError, match=rf"{before}, .*; {generator_id(prepared_dataset)} \(.*--list"):
        go_on(student)
    shutil.rmtree(folder)
    shutil.move(kept, folder)
    go_on(student)


def test_a_student_does_not_go_on_with_the_generator_of_other_labels(prepared_dataset, student):
    before, splits_file = generator_id(prepared_dataset), prepared_dataset / "pre" / DATASET / "splits_final.json"
    splits = json.loads(splits_file.read_text())
    splits[0]["train"], splits[0]["val"] = splits[0]["train"][1:], splits[0]["train"][:1]
    splits_file.write_text(json.dumps(splits))
    with pytest.raises(ValueError, match=f"generator {before}, .*it was trained on other labeled cases or labels"):
        go_on(student)


def test_a_student_of_a_version_that_noted_no_generator_goes_on(student):
    content = torch.load(student, weights_only=False)
    del content["init_args"]["muduo"]["prompt_generator"]
    torch.save(content, student)
    go_on(student)
