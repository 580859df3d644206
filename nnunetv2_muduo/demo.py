"""`make demo`: the whole way from raw PET/CT to measured predictions, on a generated cohort, in a few minutes on two cores.

Every step is the command that a user would type; it is printed before it runs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

DATASET_ID, DATASET = 705, "Dataset705_Phantom"
TRAINER = "nnUNetTrainerMuDuo"
N_CASES, SPACING_MM = 15, 12  # patches of 32 voxels then show half a body
CONFIG = """\
# A training for two cores: the package's own small teachers (32^3 voxels), few iterations, a ramp-up to match.
ct_teacher: small
pet_teacher: small
num_epochs: 6
num_iterations_per_epoch: 20
prompt_generator_num_epochs: 4
ramp_up_epochs: 6
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
    print(f"CT, PET, truth and prediction of one test case: {figure}")
    print(
        "The small teachers are untrained, so what they say is noise and the pseudo labels teach nothing: the demo shows that\n"
        "every step works and what it prints, not what the method is worth. For that, train with the public teachers."
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
    test_images = folder / "nnUNet_raw" / DATASET / "imagesTs"
    truth = folder / "nnUNet_raw" / DATASET / "labelsTs"
    predictions = folder / "predictions"
    split = "--labeled 5 --val 1 --test 3"
    _step(f"muduo phantom {folder / 'phantom'} --cases {N_CASES} --seed 0 --spacing {SPACING_MM}")
    _step(f"muduo convert autopet {folder / 'phantom'} -d {DATASET_ID} --name Phantom {split}")
    _step(f"nnUNetv2_plan_and_preprocess -d {DATASET_ID} -c 3d_fullres")
    _step(f"nnUNetv2_train {DATASET_ID} 3d_fullres 0 -tr {TRAINER} -device cpu")
    model = f"-d {DATASET_ID} -c 3d_fullres -f 0 -tr {TRAINER}"
    _step(f"nnUNetv2_predict -i {test_images} -o {predictions} {model} -device cpu --disable_tta -npp 1 -nps 1")
    _step(f"muduo evaluate {predictions} {truth} -o {folder / 'evaluation'}")


def _step(command: str) -> None:
    started = time.monotonic()
    print(f"\n$ {command}", flush=True)
    finished = subprocess.run(command.split())
    if finished.returncode != 0:
        raise SystemExit(f"The step failed with exit code {finished.returncode}; its message stands above.")
    print(f"[{time.monotonic() - started:.0f} s]", flush=True)


def _draw(folder: Path) -> Path:
    """The first test case with truth and prediction; returns the PNG."""
    case = sorted((folder / "predictions").glob("*.nii.gz"))[0].name.removesuffix(".nii.gz")
    raw = folder / "nnUNet_raw" / DATASET
    _step(
        f"muduo figure {case} --images {raw / 'imagesTs'} --truth {raw / 'labelsTs'} "
        f"--prediction MuDuo={folder / 'predictions'} -o {folder}"
    )
    return next(folder.glob(f"*{case}*.png"))


if __name__ == "__main__":
    sys.exit(main())
