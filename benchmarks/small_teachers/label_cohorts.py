"""Two cohorts from one folder of label maps, without a patient in common: one to train teachers on, one for the study.

    python -m benchmarks.small_teachers.label_cohorts LABEL_FOLDER OUT --spacing 8 [--clicks FOLDER]

OUT/teachers has the studies of 140 patients (the first 160), OUT/study one study of each of 120 others. The teachers' scanner
is another one: noisier, other resolution, contrast medium in half of the studies. OUT/split.json says who is where. With
--clicks, autoPET IV's official ones, the teachers' patients have lesions where those of the real ones were.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks.small_teachers.lesion_maps import LESION, labels_with_lesions, write_lesion_maps
from nnunetv2_muduo.phantom.label_cohort import mapped_case, write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_label_files, find_organ_values
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS, LabelMapPopulation
from nnunetv2_muduo.prompting.official_clicks import read_official_clicks

N_TEACHER_PATIENTS, MAX_TEACHER_STUDIES, N_STUDY_PATIENTS = 140, 160, 120
SPLIT_SEED, TEACHER_SEED, STUDY_SEED = 0, 1, 2
TEACHER_POPULATION = LabelMapPopulation(
    contrast_fraction=0.5, ct_noise_hu=(12.0, 26.0), ct_fwhm_mm=(3.0, 5.5), pet_noise=(0.1, 0.2), pet_fwhm_mm=(4.5, 8.5)
)


def split_patients(label_folder: str | Path, seed: int = SPLIT_SEED) -> tuple[list[Path], list[Path]]:
    """(label maps for the teachers, label maps for the study), drawn from the patients sorted by name.

    A patient stands on one side only. The teachers' 140 patients come with all of their studies, up to the
    160th; the study's 120 with the first by name. Raises ValueError where there are fewer than 260 patients.
    """
    files = find_label_files(label_folder)
    by_patient = {
        name: list(group) for name, group in itertools.groupby(files, key=lambda path: mapped_case(path).patient_name)
    }
    needed = N_TEACHER_PATIENTS + N_STUDY_PATIENTS
    if len(by_patient) < needed:
        raise ValueError(f"{label_folder} holds {len(by_patient)} patients, {needed} are needed")
    drawn = [str(name) for name in np.random.default_rng(seed).permutation(sorted(by_patient))[:needed]]
    teachers = [path for name in drawn[:N_TEACHER_PATIENTS] for path in by_patient[name]][:MAX_TEACHER_STUDIES]
    return teachers, [by_patient[name][0] for name in drawn[N_TEACHER_PATIENTS:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--spacing", type=float, default=8.0, help="voxel size in mm (default: %(default)s)")
    parser.add_argument("-np", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--clicks", type=Path, metavar="FOLDER", help="NAME_clicks.json, or clicks.zip with them")
    args = parser.parse_args()
    teachers, study = split_patients(args.label_folder)
    labels = find_organ_values(teachers)
    args.out.mkdir(parents=True, exist_ok=True)
    names = {"teachers": [path.name for path in teachers], "study": [path.name for path in study]}
    (args.out / "split.json").write_text(json.dumps(names, indent=2) + "\n")
    of_teachers = labels
    if args.clicks:
        of_teachers, clicks = labels_with_lesions(labels), read_official_clicks(args.clicks)
        maps = args.out / "lesion_maps"
        teachers = write_lesion_maps(teachers, clicks, of_teachers[LESION], TEACHER_SEED, maps)
    for name, files, values, seed, population in (
        ("teachers", teachers, of_teachers, TEACHER_SEED, TEACHER_POPULATION),
        ("study", study, labels, STUDY_SEED, MAPPED_ADULTS),
    ):
        write_cohort_from_labels(files, args.out / name, values, seed, args.spacing, args.np, population)


if __name__ == "__main__":
    main()
