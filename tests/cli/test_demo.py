"""The main job with the commands that a user types: phantom, convert, plan, train, continue, predict, evaluate."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import set_nnunet_folders, write_config

BIN = Path(sys.executable).parent
DATASET = "Dataset705_Phantom"
PREDICT = """
import socket, sys
connect = socket.socket.connect
def refuse_network(self, address):  # processes of one machine may talk to each other
    if self.family != socket.AF_UNIX:
        raise OSError("prediction must not use the network")
    return connect(self, address)
socket.socket.connect = refuse_network
from nnunetv2.inference.predict_from_raw_data import predict_entry_point
sys.argv[0] = "nnUNetv2_predict"
predict_entry_point()
heavy = [m for m in sys.modules if m.startswith(("nnunetv2_muduo.teachers", "nnunetv2_muduo.evaluation"))]
assert not heavy, heavy
"""


def run(command: str | list[str]) -> str:
    arguments = command.split() if isinstance(command, str) else command
    finished = subprocess.run([str(BIN / arguments[0]), *arguments[1:]], capture_output=True, text=True, cwd="/")
    assert finished.returncode == 0, f"{command}\n{finished.stdout[-3000:]}\n{finished.stderr[-3000:]}"
    return finished.stdout


@pytest.mark.slow
def test_from_raw_data_to_measured_predictions(tmp_path, monkeypatch):
    set_nnunet_folders(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    write_config(monkeypatch, tmp_path, num_epochs=1, num_iterations_per_epoch=2)
    run(f"muduo phantom {tmp_path / 'phantom'} --cases 9 --seed 1 --spacing 12")
    run(f"muduo convert autopet {tmp_path / 'phantom'} -d 705 --name Phantom --labeled 3 --val 1 --test 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("nnUNet_n_proc_DA", "1")  # nnU-Net's planner refuses none
        run("nnUNetv2_plan_and_preprocess -d 705 -c 3d_fullres -npfp 1 -np 1")

    training = "nnUNetv2_train 705 3d_fullres 0 -tr nnUNetTrainerMuDuo -device cpu"
    log = run(training)
    assert "Labeled 3 / unlabeled" in log
    assert "Mean Validation Dice" in log
    model = tmp_path / "res" / DATASET / "nnUNetTrainerMuDuo__nnUNetPlans__3d_fullres"
    assert {"checkpoint_final.pth", "muduo_config.yaml", "progress.png"} <= {
        p.name for p in (model / "fold_0").iterdir()
    }
    run(f"{training} --val --npz")
    assert list((model / "fold_0" / "validation").glob("*.npz"))

    raw, predictions = tmp_path / "raw" / DATASET, tmp_path / "predictions"
    write_config(
        monkeypatch, tmp_path, ct_teacher="/gone.pth", pet_teacher="/gone.pth"
    )  # prediction asks for no teacher
    arguments = f"-i {raw / 'imagesTs'} -o {predictions} -d 705 -c 3d_fullres -f 0 -tr nnUNetTrainerMuDuo -device cpu"
    run(["python", "-c", PREDICT, *arguments.split(), "--disable_tta", "-npp", "0", "-nps", "0"])
    table = run(f"muduo evaluate {predictions} {raw / 'labelsTs'} -o {tmp_path / 'out'}")
    assert "liver" in table
    rows = list(csv.DictReader((tmp_path / "out" / "metrics.csv").open()))
    assert {row["organ"] for row in rows} > {"liver", "aorta", "spleen"}
    assert all(row["dice"] == "" or 0 <= float(row["dice"]) <= 1 for row in rows)
    assert (tmp_path / "out" / "metrics.json").is_file()
