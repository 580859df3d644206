"""`muduo demo`: the whole way from raw PET/CT to measured predictions, on a generated cohort, in a few minutes on two cores.

Every step is the command that a user would type; it is printed when it starts, and what it says goes to a file. The one
exception makes nnU-Net's planned network narrower, by editing its plans file, so that two cores can train it.
"""

import argparse
import json
import os
import shlex
import shutil
import textwrap
import time
from pathlib import Path

from nnunetv2_muduo.cli.arguments import require_folder_place
from nnunetv2_muduo.cli.demo_plan import FEATURES, N_EPOCHS, Plan, measure_speed, plan_demo
from nnunetv2_muduo.cli.demo_steps import StepRunner
from nnunetv2_muduo.storage import write_text
from nnunetv2_muduo.user_files import read_plans

DATASET = "Dataset705_Phantom"
RAW = f"nnUNet_raw/{DATASET}"
STUDENTS = {"supervised": "nnUNetTrainerMuDuo_Supervised", "MuDuo": "nnUNetTrainerMuDuo"}
N_CASES, SPACING_MM = 24, 12  # patches of 24 voxels are then 29 cm wide
N_LABELED, N_VAL, N_TEST = 3, 1, 5
CONFIG = """\
# A training for two cores: the package's own small teachers (24^3 voxels) and few iterations. The pseudo labels weigh as much as
# the labels, and AdamW learns in hundreds of iterations, without augmentation, what nnU-Net's SGD learns in thousands.
ct_teacher: small
pet_teacher: small
num_epochs: {n_epochs}
num_iterations_per_epoch: {n_iterations}
ramp_up_epochs: 3
consistency: dice
consistency_weight: 1.0
optimizer: adamw
augmentation: none
picture_every_epochs: {n_epochs}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `muduo demo`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="to work in; replaced if a demo made it")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 on success."""
    started = time.monotonic()
    require_folder_place(args.folder)
    folder = args.folder.resolve()
    make_folder(folder)
    set_environment(folder)
    print("Measuring this machine ...", flush=True)
    speed = measure_speed()
    plan = plan_demo(speed)
    (folder / "config.yaml").write_text(CONFIG.format(n_epochs=N_EPOCHS, n_iterations=plan.n_iterations))
    print(_announcement(plan, folder), flush=True)
    _run_all(folder, StepRunner(folder, speed.lone_threads))
    _conclude(folder, plan, (time.monotonic() - started) / 60)
    return 0


def make_folder(folder: Path) -> None:
    """A new folder in place of an earlier demo's. Raises ValueError where another one would be lost."""
    marker = folder / ".muduo_demo"
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise ValueError(f"{folder} exists and was not made by the demo. Name another folder or remove it.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


def set_environment(folder: Path) -> None:
    """nnU-Net's variables for this process and its children; those of the user's own stay untouched.

    Every worker process of nnU-Net imports it anew, which costs more than the work on so small images: one worker where
    there must be one, none where there need not. Threads that wait do not spin: where several processes share the cores,
    spinning slows all of them down several times.
    """
    variables = {f"nnUNet_{name}": str(folder / f"nnUNet_{name}") for name in ("raw", "preprocessed", "results")}
    for path in variables.values():
        Path(path).mkdir()
    variables |= {"nnUNet_muduo_config": str(folder / "config.yaml"), "nnUNet_def_n_proc": "1", "nnUNet_n_proc_DA": "0"}
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    (folder / "environment.sh").write_text("".join(exports), encoding="utf-8")
    os.environ |= {**variables, "OMP_WAIT_POLICY": "PASSIVE"}


def _announcement(plan: Plan, folder: Path) -> str:
    return (
        f"This will take about {plan.seconds / 60:.0f} minutes, with {N_EPOCHS * plan.n_iterations} iterations for each "
        f"student.\nThe steps run in {folder}, with the variables of environment.sh; what they say is in its folder steps.\n"
    )


def _run_all(folder: Path, runner: StepRunner) -> None:
    runner.run(f"muduo phantom phantom --cases {N_CASES} --seed 0 --spacing {SPACING_MM}")
    sets = f"--labeled {N_LABELED} --val {N_VAL} --test {N_TEST}"
    runner.run(f"muduo convert autopet phantom -d 705 --name Phantom {sets}")
    # nnU-Net's planner wants a worker process.
    runner.run("nnUNetv2_plan_and_preprocess -d 705 -c 3d_fullres -npfp 1 -np 1", nnUNet_n_proc_DA="1")
    narrow_network(folder / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json")
    train = {name: f"nnUNetv2_train 705 3d_fullres 0 -tr {trainer} -device cpu" for name, trainer in STUDENTS.items()}
    runner.run(train["supervised"], "muduo prepare -d 705 -device cpu -tiles 8")
    runner.run(train["MuDuo"])
    options = "-d 705 -c 3d_fullres -f 0 -device cpu --disable_tta -npp 0 -nps 0"
    predict = (f"nnUNetv2_predict -i {RAW}/imagesTs -o predictions/{n} {options} -tr {t}" for n, t in STUDENTS.items())
    runner.run(*predict)
    runner.run(*(f"muduo postprocess predictions/{n} {RAW}/labelsTr -o postprocessed/{n}" for n in STUDENTS))
    case = min(path.name for path in (folder / "postprocessed" / "MuDuo").glob("*.nii.gz")).removesuffix(".nii.gz")
    runner.run(
        f"muduo evaluate postprocessed/MuDuo {RAW}/labelsTs --compare supervised=postprocessed/supervised -o evaluation",
        f"muduo figure {case} --images {RAW}/imagesTs --truth {RAW}/labelsTs "
        "--prediction supervised=postprocessed/supervised --prediction MuDuo=postprocessed/MuDuo -o picture",
    )


def narrow_network(plans_file: Path) -> None:
    """Let the planned student have few features, as many as two cores can train."""
    plans = read_plans(plans_file)
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [FEATURES[min(i, len(FEATURES) - 1)] for i in range(kwargs["n_stages"])]
    plans_file.write_text(json.dumps(plans, indent=4), encoding="utf-8")
    print(f"    {plans_file.name}: features_per_stage is now {kwargs['features_per_stage']}", flush=True)


def _conclude(folder: Path, plan: Plan, minutes: float) -> None:
    """Print the page at the end, and write it as index.html."""
    from nnunetv2_muduo.visualization.demo_page import demo_page, read_scores, score_table

    scores = read_scores(folder / "evaluation" / "metrics.json", list(STUDENTS))
    picture = next((folder / "picture").glob("*.png"))
    n_unlabeled = len(list((folder / RAW / "imagesUn").glob("*_0000.nii.gz")))
    note = (
        f"Both students are the same network, trained for {N_EPOCHS * plan.n_iterations} iterations on the same {N_LABELED} "
        f"labeled cases; MuDuo's also on {n_unlabeled} unlabeled ones, taught by two frozen teachers. One training of each "
        f"and {N_TEST} synthetic test cases: what unlabeled cases can be worth, not what to expect of real ones."
    )
    page = folder / "index.html"
    write_text(demo_page(scores, picture, note, folder), page)
    print(f"\nDone in {minutes:.1f} minutes. Mean over organs and {N_TEST} test cases:\n\n{score_table(scores)}\n")
    print(textwrap.fill(note, 100))
    print(f"\nPicture:    {picture}\nThe page:   {page}\nAll files:  {folder}")
