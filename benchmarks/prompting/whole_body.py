"""autoPET IV's eleven steps on synthesized whole-body PET, with lesions at the official clicks' places.

    python -m benchmarks.prompting.whole_body 20 --labels LABEL_FOLDER --clicks CLICKS [--organs MODEL] [-o RESULTS]

The first N of the study's patients (`benchmarks.small_teachers.label_cohorts`), whom no teacher of the package has learned
from. Each body is that of a real label map; lesions lie at the official tumor clicks, their shapes are drawn, and the
official clicks are then given to teachers and thresholds alike, as far as these shapes agree with them. --organs: a trained
nnU-Net model, whose organs with physiological uptake no answer may have a part in (`small_pet, organs`); `truth` takes those
of the label map, which no model can beat. RESULTS gets a JSON for each case, and a case that is there is not run again.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors are slower on several threads; before torch is imported

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from benchmarks.small_teachers.label_cohorts import split_patients
from benchmarks.small_teachers.lesion_maps import LESION, labels_with_lesions, write_lesion_maps
from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.nifti import nifti_stem
from nnunetv2_muduo.phantom.label_cohort import mapped_case, write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_organ_values
from nnunetv2_muduo.process_memory import peak_mb, restart_peak
from nnunetv2_muduo.prompting.benchmark import run_object, truth_labels
from nnunetv2_muduo.prompting.benchmark_tables import compared, table_of_sessions, text_of
from nnunetv2_muduo.prompting.official_clicks import CaseClicks, read_official_clicks
from nnunetv2_muduo.prompting.organ_model import OrganModel
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.protocols import PROTOCOLS
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.space import turned
from nnunetv2_muduo.prompting.teachers import promptable
from nnunetv2_muduo.prompting.users import OBJECT, official_user
from nnunetv2_muduo.storage import read_json, write_text
from nnunetv2_muduo.teachers.weights import teacher_digest

RESULTS = Path(__file__).parents[1] / "results" / "prompting" / "whole_body"
TEACHERS = ("small_pet", "threshold:0.41", "threshold:4")
WITH_ORGANS, TRUTH = "small_pet, organs", "truth"
PHYSIOLOGICAL = ("brain", "bladder", "heart", "kidney", "gland")
"""Parts of the names of organs that are bright without being ill."""
SEED, N_DIGITS, PROTOCOL = 3, 5, PROTOCOLS["autopet4"]


def main() -> None:
    args = parse_arguments()
    clicks = read_official_clicks(args.clicks)
    files = split_patients(args.labels)[1][: args.n]
    for number, file in enumerate(files, start=1):
        record = args.out / f"{mapped_case(file).patient_name}.json"
        done = steps_done(record, args)
        wanted = [*TEACHERS, *([WITH_ORGANS] if args.organs else [])]
        missing = [name for name in wanted if name not in done]
        if missing:
            record.parent.mkdir(parents=True, exist_ok=True)
            content = run_case(file, clicks[nifti_stem(file.name)], missing, done, args)
            write_text(json.dumps(content) + "\n", record)
        print(f"{number} of {len(files)}: {record.name}", flush=True)
    print(write_summary(args.out))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, metavar="N", help="cases")
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="FOLDER", help="organ label maps of autoPET's bodies"
    )
    parser.add_argument("--clicks", type=Path, required=True, metavar="ZIP_OR_DIR", help="autoPET IV's official clicks")
    parser.add_argument("--organs", metavar="MODEL", help="folder of a trained nnU-Net model, or truth")
    parser.add_argument("--spacing", type=float, default=4.0, help="voxel size in mm (default: %(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, metavar="RESULTS", help="(default: %(default)s)")
    return parser.parse_args()


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """What the answers depend on."""
    return {
        "spacing_mm": args.spacing,
        "weights": teacher_digest("small_pet"),
        "organs": args.organs and Path(args.organs).name,
    }


def steps_done(record: Path, args: argparse.Namespace) -> dict[str, dict]:
    """Steps of a case by teacher, as far as they were run with the same settings; without organs, those with organs too."""
    content, ours = read_json(record) or {}, settings_of(args)
    ours["organs"] = ours["organs"] or content.get("settings", {}).get("organs")
    return content["steps"] if content.get("settings") == ours else {}


def run_case(
    file: Path, clicks: CaseClicks, teachers: list[str], done: dict[str, dict], args: argparse.Namespace
) -> dict[str, Any]:
    """Synthesize one case and run the teachers that are missing; what is done is kept."""
    with tempfile.TemporaryDirectory() as folder:
        study, labels = synthesize(file, clicks, args.spacing, Path(folder))
        pet_file, truth_file = study / "SUV.nii.gz", study / "SEG.nii.gz"
        truth = truth_labels(truth_file) == labels[LESION]
        on_pet = clicks_on(read_image(pet_file), read_image(file), clicks, read_image(truth_file), labels[LESION])
        forbidden = None
        if WITH_ORGANS in teachers:
            forbidden = bright_organs(*organs_of(study, labels, args.organs))
        steps = {name: run_teacher(name, pet_file, truth, on_pet, forbidden) for name in teachers}
    return {
        "settings": settings_of(args),
        "lesion_ml": float(truth.sum() * args.spacing**3 / 1000),
        "n_clicks": {"tumor": len(on_pet.tumor), "background": len(on_pet.background)},
        "steps": done | steps,
    }


def synthesize(file: Path, clicks: CaseClicks, spacing_mm: float, folder: Path) -> tuple[Path, dict[str, int]]:
    """A study with CTres, SUV and SEG in the label map's own space, and the values of SEG."""
    labels = labels_with_lesions(find_organ_values([file]))
    maps = write_lesion_maps([file], {nifti_stem(file.name): clicks}, labels[LESION], SEED, folder / "maps")
    (study,) = write_cohort_from_labels(maps, folder / "cohort", labels, SEED, spacing_mm, 1)
    return study, labels


def clicks_on(pet: sitk.Image, label_map: sitk.Image, clicks: CaseClicks, truth: sitk.Image, lesion: int) -> CaseClicks:
    """The clicks as voxels of the PET; lesions are drawn, so that some clicks are on the wrong side, and left out."""

    def voxels(side: list, in_lesion: bool) -> list:
        places = [pet.TransformPhysicalPointToIndex(label_map.TransformIndexToPhysicalPoint(v)) for v in side]
        return [v for v in dict.fromkeys(places) if is_in(pet, v) and (truth[v] == lesion) == in_lesion]

    return CaseClicks(voxels(clicks.tumor, True), voxels(clicks.background, False))


def is_in(image: sitk.Image, voxel: tuple[int, int, int]) -> bool:
    return all(0 <= i < n for i, n in zip(voxel, image.GetSize(), strict=True))


def run_teacher(
    name: str, pet_file: Path, truth: np.ndarray, clicks: CaseClicks, forbidden: np.ndarray | None
) -> dict[str, list]:
    """Columns with a value per step."""
    restart_peak()
    session = PromptSession(promptable(name.split(",")[0]))
    session.set_image(pet_file)
    start = []
    if name == WITH_ORGANS:
        start = [Prompt("mask", OBJECT, False, np.empty((0, 3)), forbidden)]
    rows = [{**row, "peak_mb": peak_mb()} for row in run_object(session, truth, PROTOCOL, official_user(clicks), start)]
    return pd.DataFrame(rows).round(N_DIGITS).replace({np.nan: None}).to_dict("list")


def organs_of(study: Path, labels: dict[str, int], model: str) -> tuple[sitk.Image, dict[str, int]]:
    """Label map and values of the organs, by a trained model or, for `TRUTH`, as the body was made of them."""
    if model == TRUTH:
        return read_image(study / "SEG.nii.gz"), labels
    organ_model = OrganModel(Path(model))
    images = {"pet": read_image(study / "SUV.nii.gz"), "ct": read_image(study / "CTres.nii.gz")}
    return organ_model.predict(images), organ_model.labels


def bright_organs(organ_map: sitk.Image, names: dict[str, int]) -> np.ndarray:
    """Mask (z, y, x), turned to LPS, of the organs with physiological uptake."""
    values = [value for name, value in names.items() if any(part in name.lower() for part in PHYSIOLOGICAL)]
    return np.isin(sitk.GetArrayFromImage(turned(organ_map)), values)


def write_summary(folder: Path) -> str:
    """summary.md of all cases that are there; returns it."""
    tables = [
        pd.DataFrame(columns).astype(float).assign(method=name, case=path.stem, organ=LESION)
        for path in sorted(folder.glob("*.json"))
        for name, columns in read_json(path)["steps"].items()
    ]
    steps = pd.concat(tables, ignore_index=True)
    sessions = table_of_sessions(steps, PROTOCOL)
    text = text_of(sessions, compared(sessions, PROTOCOL), PROTOCOL)
    write_text(text, folder / "summary.md")
    return text


if __name__ == "__main__":
    main()
