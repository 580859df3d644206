"""Killed at random moments, half of them while a file is written, and continued: the result is an undisturbed run's.

`make test` kills each work three times, `make test-all` fifteen times more.
"""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import blosc2
import numpy as np
import pytest
import torch
import yaml
from support import DATASET, QUICK_CONFIG, generator_folders

import nnunetv2_muduo

N_KILLS = [3, pytest.param(15, marks=pytest.mark.long)]  # of each work
STUDENT = "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


@pytest.fixture(scope="module")
def victims():
    """Standard input and output of the process that forks workers; see victims.py."""
    plugin = Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"
    settings = {
        "OMP_NUM_THREADS": "1",
        "nnUNet_def_n_proc": "1",
        "nnUNet_n_proc_DA": "0",
        "nnUNet_extTrainer": str(plugin),
    }
    environment = {**os.environ, **settings}
    command = [sys.executable, str(Path(__file__).with_name("victims.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, bufsize=1, **pipes) as process:
        yield process
        process.stdin.close()


class Run:
    """One folder in which work is done, as often as it takes."""

    def __init__(self, victims, work: str, root: Path, **config):
        self.victims, self.work, self.root = victims, work, root
        (root / "muduo.yaml").write_text(yaml.safe_dump({**QUICK_CONFIG, "picture_every_epochs": 0, **config}))
        folders = {"raw": "raw", "preprocessed": "pre", "results": "res"}
        for folder in folders.values():
            (root / folder).mkdir(exist_ok=True)
        self.environment = {
            **{f"nnUNet_{name}": str(root / folder) for name, folder in folders.items()},
            "nnUNet_muduo_config": str(root / "muduo.yaml"),
        }

    def start(self, dies_writing: int | None = None) -> int:
        """Process ID of a worker."""
        request = {"work": self.work, "environment": self.environment, "log": str(self.root / "log.txt")}
        request["dies_writing"] = dies_writing
        print(json.dumps(request), file=self.victims.stdin)
        return int(self.victims.stdout.readline())

    def end(self) -> int:
        """Exit code of the worker, which may still work."""
        return int(self.victims.stdout.readline())

    def complete(self) -> float:
        """Work undisturbed to the end. Returns the time that it took."""
        start = time.monotonic()
        self.start()
        assert self.end() == 0, (self.root / "log.txt").read_text()[-3000:]
        return time.monotonic() - start

    def kill_after(self, seconds: float) -> bool:
        """Whether the worker was still at work."""
        timer = threading.Timer(seconds, os.kill, (self.start(), signal.SIGKILL))
        timer.start()
        code = self.end()
        timer.cancel()
        assert code in (0, -signal.SIGKILL), (self.root / "log.txt").read_text()[-3000:]
        return code != 0

    def die_while_writing(self, nth: int) -> bool:
        """Let the worker kill itself when half of its nth file is written. Returns whether it got that far."""
        self.start(dies_writing=nth)
        code = self.end()
        assert code in (0, -signal.SIGKILL), (self.root / "log.txt").read_text()[-3000:]
        return code != 0


def kill_and_continue(new_run: Callable[[], Run], seconds: float, seed: int, n_wanted: int) -> list[Run]:
    """Kill workers `n_wanted` times; where one has come to its end, the next begins another run. All runs are complete."""
    moments = random.Random(seed)
    runs, n_kills = [new_run()], 0
    while n_kills < n_wanted:
        if n_kills % 2:
            killed = runs[-1].die_while_writing(moments.randint(1, 2))
        else:
            killed = runs[-1].kill_after(moments.uniform(0, seconds / 4))
        n_kills += killed
        if not killed:
            runs.append(new_run())
    runs[-1].complete()
    return runs


def checkpoint(path: Path) -> dict:
    content = torch.load(path, weights_only=False)
    losses = {key: content["logging"][key] for key in ("train_losses", "val_losses", "ema_fg_dice")}
    momenta = [state["momentum_buffer"] for state in content["optimizer_state"]["state"].values()]
    return {
        **content["network_weights"],
        **{f"momentum {i}": momentum for i, momentum in enumerate(momenta)},
        "losses": torch.tensor([[float(x) for x in values] for values in losses.values()]),
        "epoch": torch.tensor(content["current_epoch"]),
        "random": content["init_args"]["muduo"]["random_states"]["global"][1],
    }


def assert_same_checkpoints(root: Path, other_root: Path, model: str):
    folder, other = (r / "res" / DATASET / model / "fold_0" for r in (root, other_root))
    names = {path.name for path in folder.glob("*checkpoint*")}
    assert names == {"checkpoint_final.pth", "checkpoint_best.pth"}
    for name in names:
        found, expected = checkpoint(folder / name), checkpoint(other / name)
        assert found.keys() == expected.keys()
        assert [key for key, tensor in expected.items() if not torch.equal(found[key], tensor)] == []


def prepared_content(root: Path) -> dict:
    """Everything that `muduo prepare` makes, by file name; what differs by intent (the generator's ID) left out."""
    folder = root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"
    (maps,) = (folder / "prompt_maps").iterdir()
    content = {}
    for path in [*folder.glob("[!.]*.*"), *maps.glob("[!.]*.*")]:
        if path.suffix == ".b2nd":
            value = blosc2.open(str(path), mode="r")[:].tobytes()
        elif path.suffix == ".npz":
            with np.load(path) as places:
                value = {name: places[name].tolist() for name in places.files}
        else:
            value = json.loads(path.read_text())
            value = {**value, "id": None} if path.name == "generator.json" else value
            value = {key: of for key, of in value.items() if key not in ("sha256", "digest")}  # of compressed bytes
        content[f"{path.parent.name[:11]}/{path.name}"] = value
    return content


@pytest.mark.parametrize("n_kills", N_KILLS)
def test_preparation(victims, tiny_root, tmp_path, n_kills):
    numbers = itertools.count()

    def new_run():
        return Run(victims, "prepare", shutil.copytree(tiny_root, tmp_path / str(next(numbers))))

    calm = new_run()
    seconds = calm.complete()
    assert len(prepared_content(calm.root)) >= 4 * 3 + 4 * 3 + 1
    for run in kill_and_continue(new_run, seconds, seed=0, n_wanted=n_kills):
        assert prepared_content(run.root) == prepared_content(calm.root)
        (generator,) = generator_folders(calm.root)
        assert_same_checkpoints(run.root, calm.root, generator.parent.name)


@pytest.mark.parametrize("n_kills", N_KILLS)
def test_training(victims, prepared_root, tmp_path, n_kills):
    numbers = itertools.count()

    def new_run():
        root = shutil.copytree(prepared_root, tmp_path / str(next(numbers)))
        return Run(victims, "train", root, num_epochs=4, prompt_generator_num_epochs=2)

    calm = new_run()
    seconds = calm.complete()
    for run in kill_and_continue(new_run, seconds, seed=1, n_wanted=n_kills):
        assert_same_checkpoints(run.root, calm.root, STUDENT)
