"""The README's picture: `muduo demo` with finer images and more labels, patients and iterations, on one CPU core.

    python -m benchmarks.readme_picture FOLDER

The images have voxels of 4 mm. The students learn on voxels of 10 mm, for which the package's small teachers were made, and
nnU-Net brings their predictions back onto the images. FOLDER/picture holds the picture: of the first test case by name,
whatever it shows. FOLDER/evaluation holds the scores of all test cases.
"""

import argparse
import time
from pathlib import Path

from nnunetv2_muduo.cli.demo import DATASET, RAW, STUDENTS, make_folder, narrow_network, set_environment
from nnunetv2_muduo.cli.demo_steps import StepRunner

N_CASES, SPACING_MM, PLANNED_MM = 60, 4, 10
N_LABELED, N_VAL, N_TEST = 5, 1, 5
CONFIG = """\
ct_teacher: small
pet_teacher: small
num_epochs: 10
num_iterations_per_epoch: 240
ramp_up_epochs: 2
optimizer: adamw
augmentation: none
picture_every_epochs: 10
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="to work in; replaced if this or the demo made it")
    folder = parser.parse_args().folder.resolve()
    started = time.monotonic()
    make_folder(folder)
    set_environment(folder)
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    train_and_draw(folder, StepRunner(folder, lone_threads=1))
    print(f"Done in {(time.monotonic() - started) / 60:.0f} minutes: {first_case(folder)}, {folder / 'picture'}")


def train_and_draw(folder: Path, runner: StepRunner) -> None:
    """The demo's steps, one after the other."""
    runner.run(f"muduo phantom phantom --cases {N_CASES} --seed 0 --spacing {SPACING_MM} -np 1")
    sets = f"--labeled {N_LABELED} --val {N_VAL} --test {N_TEST}"
    runner.run(f"muduo convert autopet phantom -d 705 --name Phantom {sets}")
    spacing = " ".join([str(PLANNED_MM)] * 3)
    plan = f"nnUNetv2_plan_and_preprocess -d 705 -c 3d_fullres -npfp 1 -np 1 -overwrite_target_spacing {spacing}"
    runner.run(plan, nnUNet_n_proc_DA="1")  # nnU-Net's planner wants a worker process
    narrow_network(folder / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json")
    for trainer in STUDENTS.values():
        runner.run(f"nnUNetv2_train 705 3d_fullres 0 -tr {trainer} -device cpu")
    options = "-d 705 -c 3d_fullres -f 0 -device cpu --disable_tta -npp 0 -nps 0"
    for name, trainer in STUDENTS.items():
        runner.run(f"nnUNetv2_predict -i {RAW}/imagesTs -o predictions/{name} {options} -tr {trainer}")
        runner.run(f"muduo postprocess predictions/{name} {RAW}/labelsTr -o postprocessed/{name}")
    compared = "--compare supervised=postprocessed/supervised"
    runner.run(f"muduo evaluate postprocessed/MuDuo {RAW}/labelsTs {compared} -o evaluation")
    predictions = " ".join(f"--prediction {name}=postprocessed/{name}" for name in STUDENTS)
    runner.run(
        f"muduo figure {first_case(folder)} --images {RAW}/imagesTs --truth {RAW}/labelsTs {predictions} -o picture"
    )


def first_case(folder: Path) -> str:
    """The first test case by name."""
    return min(path.name for path in (folder / RAW / "labelsTs").glob("*.nii.gz")).removesuffix(".nii.gz")


if __name__ == "__main__":
    main()
