"""Checkpoints: a disk that is full, a file that is damaged, a file of somebody else."""

import errno
import os
import re
import resource
import signal
from pathlib import Path

import pytest
import torch
from support import DATASET, make_trainer

from nnunetv2_muduo.checkpoints import BEST, FINAL, LATEST, PREVIOUS, why_not_to_continue

NAME = "nnUNetTrainerMuDuoPromptGenerator"


@pytest.fixture
def folder(tiny_dataset, tmp_path, monkeypatch):
    """Output folder with the latest checkpoint (epoch 4), the one before it (3) and the best (2)."""
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "res"))
    trainer = make_trainer(NAME)
    trainer.initialize()
    for epoch, name in [(1, BEST), (2, LATEST), (3, LATEST)]:
        trainer.current_epoch = epoch
        trainer.save_checkpoint(f"{trainer.output_folder}/{name}")
    return Path(trainer.output_folder)


def epoch_of(path):
    return torch.load(path, weights_only=False)["current_epoch"]


def continued(folder, name=LATEST):
    trainer = make_trainer(NAME, continue_training=True)
    trainer.load_checkpoint(str(folder / name))
    return trainer


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in folder.glob("checkpoint_*.pth")}


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def turn_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def write_foreign(path):
    other = make_trainer("nnUNetTrainer")
    other.initialize()
    other.save_checkpoint(str(path))


def write_html(path):
    path.write_text("<html>404</html>")


def test_the_latest_before_the_latest_is_kept(folder):
    assert {name: epoch_of(folder / name) for name in (LATEST, PREVIOUS, BEST)} == {LATEST: 4, PREVIOUS: 3, BEST: 2}
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("damage", [cut, turn_a_bit, write_foreign, write_html, lambda path: path.write_bytes(b"")])
def test_the_one_before_a_damaged_or_foreign_checkpoint_is_used(folder, damage):
    damage(folder / LATEST)
    damaged = (folder / LATEST).read_bytes()
    trainer = continued(folder)
    assert trainer.current_epoch == 3
    (aside,) = folder.glob("unfit_*_checkpoint_latest.pth")
    assert aside.read_bytes() == damaged
    log = open(trainer.log_file).read()
    assert (
        f"checkpoint_latest.pth is {'written by nnUNetTrainer' if damage is write_foreign else 'truncated or dama'}"
        in (log.replace("is damaged: ", "is truncated or damaged: "))
    )
    assert f"Continuing from {folder / PREVIOUS}" in log


def test_whole_checkpoints_are_left_alone(folder):
    before = bytes_of(folder)
    assert continued(folder).current_epoch == 4
    assert bytes_of(folder) == before
    assert [why_not_to_continue(folder / name, NAME) for name in (LATEST, PREVIOUS, BEST)] == [None] * 3


def test_between_two_renames_the_previous_one_is_found(folder):
    (folder / LATEST).rename(folder / "checkpoint_latest.pth.part")
    assert continued(folder, BEST).current_epoch == 3  # nnU-Net asks for the best, since it knows no previous one


def test_without_any_whole_checkpoint_it_says_so_and_overwrites_nothing(folder):
    for name in (LATEST, PREVIOUS, BEST):
        cut(folder / name)
    with pytest.raises(ValueError, match=r"checkpoint_latest.pth can't be continued from(.|\n)*Start without --c"):
        continued(folder)
    assert len(list(folder.glob("unfit_*"))) == 3


def test_a_damaged_final_checkpoint_is_not_validated_in_place_of_another(folder):
    write_html(folder / FINAL)
    with pytest.raises(ValueError, match=r"checkpoint_final.pth can't be read as a checkpoint"):
        make_trainer(NAME).load_checkpoint(str(folder / FINAL))
    assert (folder / FINAL).is_file()


def test_a_full_disk_leaves_the_checkpoints_before_whole(folder, monkeypatch):
    before = bytes_of(folder)

    def write_some(content, filename):
        Path(filename).write_bytes(b"x" * 1000)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trainer = continued(folder)
    monkeypatch.setattr(torch, "save", write_some)
    with pytest.raises(
        RuntimeError, match=r"latest.pth could not be written \(.*No space left(.|\n)*needs about [\d,]+"
    ):
        trainer.save_checkpoint(str(folder / LATEST))
    assert bytes_of(folder) == before
    assert not list(folder.glob("*.part"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_real_limit_on_the_files_size(folder, tmp_path):
    before = bytes_of(folder)
    trainer = continued(folder)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        message = ""
        try:
            trainer.save_checkpoint(str(folder / LATEST))
        except BaseException as error:
            message = repr(error)
        finally:
            (tmp_path / "message.txt").write_text(message)
            os._exit(0)
    os.waitpid(child, 0)
    message = (tmp_path / "message.txt").read_text()
    assert re.search(
        r"^RuntimeError.*latest.pth could not be written .*needs about [\d,]+ bytes, [\d,]+ are free", message
    )
    assert bytes_of(folder) == before
    assert not list(folder.glob("*.part"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_disk_that_is_really_full(folder, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=100k tmpfs {disk} 2>/dev/null") != 0:
        pytest.skip("mounting is not permitted here")
    try:
        trainer = continued(folder)
        with pytest.raises(RuntimeError, match=r"could not be written(.|\n)*bytes, [\d,]+ are free(.|\n)*none yet"):
            trainer.save_checkpoint(str(disk / LATEST))
        assert list(disk.iterdir()) == []
    finally:
        os.system(f"umount {disk}")


def test_the_best_one_is_saved_before_the_latest(folder, monkeypatch):
    trainer = continued(folder)
    saved = []
    real = torch.save
    monkeypatch.setattr(torch, "save", lambda content, name: saved.append(Path(name).name) or real(content, name))
    trainer.logger.local_logger.my_fantastic_logging["ema_fg_dice"] = [0.5]
    trainer._best_ema = 0.4
    trainer.save_checkpoint(str(folder / LATEST))
    assert saved == [f"{BEST}.part", f"{LATEST}.part"]
    assert torch.load(folder / LATEST, weights_only=False)["_best_ema"] == 0.5


def test_new_splits_are_nnunets_own(tiny_dataset, tmp_path, monkeypatch):
    import json
    import shutil

    shutil.copytree(tiny_dataset / "pre", tmp_path / "pre")
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "pre"))
    splits = []
    for name in (NAME, "nnUNetTrainer"):
        (tmp_path / "pre" / DATASET / "splits_final.json").unlink(missing_ok=True)
        trainer = make_trainer(name)
        trainer.initialize()
        trainer.do_split()
        splits.append(json.loads((tmp_path / "pre" / DATASET / "splits_final.json").read_text()))
    assert splits[0] == splits[1]
