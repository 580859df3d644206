"""Preparing, training and drawing pictures write into nnU-Net's folders and nowhere else."""

from pathlib import Path

from support import DATASET, make_trainer, prepare_tiny, write_config


def files_in(folder: Path) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_home_and_working_folder_stay_empty(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, picture_every_epochs=1)
    inputs = [prepared_dataset / "raw", prepared_dataset / "pre" / DATASET / "nnUNetPlans_3d_fullres"]
    before = [files_in(folder) for folder in inputs]
    empty = {name: tmp_path / name for name in ("home", "here")}
    for folder in empty.values():
        folder.mkdir()
    monkeypatch.setenv("HOME", str(empty["home"]))
    monkeypatch.chdir(empty["here"])
    prepare_tiny()
    trainer = make_trainer()
    trainer.run_training()
    assert list((Path(trainer.output_folder) / "muduo_panels").iterdir())
    for folder in empty.values():
        assert list(folder.rglob("*")) == []
    assert [files_in(folder) for folder in inputs] == before
