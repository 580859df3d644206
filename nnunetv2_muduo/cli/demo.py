"""`make demo`: the whole way from raw PET/CT to measured predictions, on a generated cohort, in a few minutes on two cores.

Every step is the command that a user would type; it is printed before it runs. The one exception makes nnU-Net's planned
network narrower, by editing its plans file, so that two cores can train it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

DATASET_ID, DATASET = 705, "Dataset705_Phantom"
TRAINER, BASELINE = "nnUNetTrainerMuDuo", "nnUNetTrainerMuDuo_Supervised"
N_CASES, SPACING_MM = 24, 12  # patches of 24 voxels are then 29 cm wide
FEATURES = [16, 32, 64]  # of the student's stages
CONFIG = """\
# A training for two cores: the package's own small teachers (24^3 voxels) and few iterations. The pseudo labels weigh as much as
# the labels, and AdamW learns in hundreds of iterations, without augmentation, what nnU-Net's SGD learns in thousands.
ct_teacher: small
pet_teacher: small
num_epochs: 6
num_iterations_per_epoch: 90
ramp_up_epochs: 3
consistency: dice
consistency_weight: 1.0
optimizer: adamw
augmentation: none
picture_every_epochs: 6
"""


def main() -> int:
    """Run the demo in the folder given on the command line; an existing one is replaced."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to work in; replaced if a demo made it")
    folder = parser.parse_args().folder.resolve()
    started = time.monotonic()
    _make_folder(folder)
    _set_environment(folder)
    _run_all(folder)
    figure = _draw(folder)
    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes.")
    print(f"Dice per organ: the table above and {folder / 'evaluation'}")
    print(f"CT, PET, truth and predictions of one test case: {figure}")
    print(
        "MuDuo's student and the supervised one are the same network, trained for as many iterations on the same 3 labels. One\n"
        "training of each and five synthetic test cases: what unlabeled cases can be worth, not what to expect of real ones."
    )
    return 0


def _make_folder(folder: Path) -> None:
    marker = folder / ".muduo_demo"
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise SystemExit(f"{folder} exists and was not made by the demo. Name another folder or remove it.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()
    (folder / "config.yaml").write_text(CONFIG)


def _set_environment(folder: Path) -> None:
    """nnU-Net's variables for this process and its children; those of the user's own stay untouched."""
    for name in ("raw", "preprocessed", "results"):
        (folder / f"nnUNet_{name}").mkdir()
        os.environ[f"nnUNet_{name}"] = str(folder / f"nnUNet_{name}")
    os.environ["nnUNet_muduo_config"] = str(folder / "config.yaml")
    os.environ["nnUNet_def_n_proc"] = os.environ["nnUNet_n_proc_DA"] = str(min(4, os.cpu_count()))
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def _run_all(folder: Path) -> None:
    raw = folder / "nnUNet_raw" / DATASET
    split = "--labeled 3 --val 1 --test 5"
    _step(f"muduo phantom {folder / 'phantom'} --cases {N_CASES} --seed 0 --spacing {SPACING_MM}")
    _step(f"muduo convert autopet {folder / 'phantom'} -d {DATASET_ID} --name Phantom {split}")
    _step(f"nnUNetv2_plan_and_preprocess -d {DATASET_ID} -c 3d_fullres")
    _narrow_network(folder / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json")
    for trainer in (BASELINE, TRAINER):
        model = f"{DATASET_ID} 3d_fullres 0 -tr {trainer}"
        _step(f"nnUNetv2_train {model} -device cpu")
        model = f"-d {DATASET_ID} -c 3d_fullres -f 0 -tr {trainer}"
        options = "-device cpu --disable_tta -npp 1 -nps 1"
        _step(f"nnUNetv2_predict -i {raw / 'imagesTs'} -o {folder / 'predictions' / trainer} {model} {options}")
    muduo, supervised = (folder / "predictions" / trainer for trainer in (TRAINER, BASELINE))
    _step(
        f"muduo evaluate {muduo} {raw / 'labelsTs'} --name MuDuo --compare supervised={supervised} "
        f"-o {folder / 'evaluation'}"
    )


def _narrow_network(plans_file: Path) -> None:
    plans = json.loads(plans_file.read_text(encoding="utf-8"))
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [FEATURES[min(i, len(FEATURES) - 1)] for i in range(kwargs["n_stages"])]
    plans_file.write_text(json.dumps(plans, indent=4), encoding="utf-8")
    print(f"\n{plans_file}: features_per_stage is now {kwargs['features_per_stage']}", flush=True)


def _step(command: str) -> None:
    started = time.monotonic()
    print(f"\n$ {command}", flush=True)
    finished = subprocess.run(command.split())
    if finished.returncode != 0:
        raise SystemExit(f"The step failed with exit code {finished.returncode}; its message stands above.")
    print(f"[{time.monotonic() - started:.0f} s]", flush=True)


def _draw(folder: Path) -> Path:
    """The first test case with truth and both predictions; returns the PNG."""
    muduo, supervised = (folder / "predictions" / trainer for trainer in (TRAINER, BASELINE))
    case = sorted(muduo.glob("*.nii.gz"))[0].name.removesuffix(".nii.gz")
    raw = folder / "nnUNet_raw" / DATASET
    _step(
        f"muduo figure {case} --images {raw / 'imagesTs'} --truth {raw / 'labelsTs'} "
        f"--prediction supervised={supervised} --prediction MuDuo={muduo} -o {folder}"
    )
    return next(folder.glob(f"*{case}*.png"))


if __name__ == "__main__":
    sys.exit(main())
