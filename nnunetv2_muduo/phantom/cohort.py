"""Synthetic cohort on disk, in the layout of AutoPET's FDG-PET-CT-Lesions."""

import gzip
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.write import write_nifti
from nnunetv2_muduo.parallel import map_jobs, n_cores
from nnunetv2_muduo.phantom.anatomy import scan_grid, tissue_map
from nnunetv2_muduo.phantom.appearance import ct_image, pet_image
from nnunetv2_muduo.phantom.patient import Patient, Study, sample_patient, sample_study
from nnunetv2_muduo.phantom.population import ADULTS, Population
from nnunetv2_muduo.phantom.tissues import LABEL_OF_TISSUE, LABELS
from nnunetv2_muduo.storage import naming_file, write_json
from nnunetv2_muduo.user_files import read_user_json

RECIPE_FILE = "phantom.json"
SUV_STEP = 2.0**-9  # PET is stored in steps, as scanners do; it also compresses well


@dataclass(frozen=True)
class PhantomCase:
    """One study: where it goes and what it shows."""

    patient_name: str
    study_name: str
    patient: Patient
    study: Study
    origin_mm: tuple[float, float, float]
    seed: int


def iterate_cases(seed: int, population: Population = ADULTS) -> Iterator[PhantomCase]:
    """Endless studies of a cohort, patient by patient; the k-th is the same however many are taken.

    Men and women take turns, and every fourth patient has two or three studies.
    """
    for index in itertools.count():
        rng = np.random.default_rng((seed, index))
        patient_name = f"PETCT_{rng.integers(16**10):010x}"
        patient = sample_patient(rng, population, male=(index + seed) % 2 == 0)
        n_studies = rng.integers(2, 4) if index % 4 == 1 else 1
        years = 2001 + np.sort(rng.choice(8, n_studies, replace=False))
        for year in years:
            date = f"{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}-{year}"
            study_name = f"{date}-NA-PET-CT Ganzkoerper  primaer mit KM-{rng.integers(100_000):05d}"
            study = sample_study(rng, population, patient)
            origin_mm = tuple(np.round(rng.uniform((-3, -30, -1300), (3, 30, -300)), 3))
            yield PhantomCase(patient_name, study_name, patient, study, origin_mm, int(rng.integers(2**31)))


def render_case(case: PhantomCase, spacing_mm: float, population: Population = ADULTS) -> dict[str, np.ndarray]:
    """CT in HU int16, PET in SUV float32 and organ labels uint8, each (z, y, x), y to the back."""
    grid = scan_grid(case.patient, case.study, population.field_of_view_mm, spacing_mm)
    tissue = tissue_map(case.patient, case.study, grid)
    ct_rng, pet_rng = np.random.default_rng(case.seed).spawn(2)
    ct_hu = ct_image(tissue, case.study, grid, ct_rng)
    pet_suv = pet_image(tissue, case.study, grid, pet_rng, population.uptake_variation)
    return stored_images(ct_hu, pet_suv, LABEL_OF_TISSUE[tissue])


def stored_images(ct_hu: np.ndarray, pet_suv: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The three images as they are stored: CT in whole HU, PET in steps, labels uint8."""
    return {
        "CTres": np.rint(ct_hu).astype(np.int16),
        "SUV": np.rint(pet_suv / np.float32(SUV_STEP)) * np.float32(SUV_STEP),
        "SEG": labels,
    }


def write_study(case: PhantomCase, out_folder: Path, spacing_mm: float, population: Population) -> None:
    """Make one study and write its three files."""
    arrays = render_case(case, spacing_mm, population)
    images = {name: to_image(array, spacing_mm, case.origin_mm) for name, array in arrays.items()}
    write_images(images, out_folder / case.patient_name / case.study_name)


def write_images(images: dict[str, sitk.Image], study_folder: Path) -> None:
    """Write a study's files `<name>.nii.gz`, and put its folder in place when they are complete."""
    partial_folder = study_folder.with_name(f".{study_folder.name}.partial")
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    try:
        for name, image in images.items():
            _write_packed(image, partial_folder / f"{name}.nii")
        partial_folder.rename(study_folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _write_packed(image: sitk.Image, plain_file: Path) -> None:
    """Write .nii.gz beside; SimpleITK ignores the compression level of NIfTI, and level 1 takes a third of the time."""
    write_nifti(image, plain_file)
    packed_file = plain_file.with_suffix(".nii.gz")
    with naming_file(packed_file):
        packed_file.write_bytes(gzip.compress(plain_file.read_bytes(), 1, mtime=0))
    plain_file.unlink()


def to_image(array: np.ndarray, spacing_mm: float, origin_mm: tuple[float, float, float]) -> sitk.Image:
    """An image with AutoPET's geometry: first axis to the patient's left, second to the front, third to the head.

    array: (z, y, x) with y to the back. origin_mm: shift of the grid (x, y) about 0, and its lowest slice (z).
    """
    n_y, n_x = array.shape[1:]
    image = sitk.GetImageFromArray(np.ascontiguousarray(array[:, ::-1]))
    image.SetSpacing((spacing_mm,) * 3)
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
    x_mm, y_mm, z_mm = origin_mm
    image.SetOrigin((x_mm - (n_x - 1) / 2 * spacing_mm, y_mm + (n_y - 1) / 2 * spacing_mm, z_mm))
    return image


def write_cohort(
    out_folder: str | Path,
    n_cases: int,
    seed: int,
    spacing_mm: float = 4.0,
    n_processes: int | None = None,
    population: Population = ADULTS,
) -> list[Path]:
    """Write a synthetic cohort and return the folders of its studies, in order.

    The files depend on seed, spacing and population alone. Studies that are there already are kept, so that an
    interrupted call, or one with more cases, goes on where it stopped. n_processes: all cores by default.

    Raises ValueError for settings out of range, and when the folder holds something else or a cohort of other settings.
    """
    out_folder = Path(out_folder)
    n_processes = n_cores() if n_processes is None else n_processes
    check_settings(n_cases, seed, spacing_mm, n_processes)
    claim_folder(out_folder, {"seed": seed, "spacing_mm": spacing_mm, "population": asdict(population)}, LABELS)
    cases = list(itertools.islice(iterate_cases(seed, population), n_cases))
    folders = [out_folder / case.patient_name / case.study_name for case in cases]
    missing = [case for case, folder in zip(cases, folders, strict=True) if not folder.is_dir()]
    write = partial(write_study, out_folder=out_folder, spacing_mm=spacing_mm, population=population)
    write_all(write, [(case,) for case in missing], n_processes)
    return folders


def write_all(write: Callable, jobs: list[tuple], n_processes: int) -> None:
    """Call `write` with every job's arguments, in up to `n_processes` processes, with a progress bar."""
    for _ in map_jobs(write, jobs, n_processes, "phantom"):
        pass


def check_settings(n_cases: int, seed: int, spacing_mm: float, n_processes: int) -> None:
    """Raises ValueError for settings out of range."""
    if n_cases < 1 or n_processes < 1 or seed < 0:
        raise ValueError(f"need cases >= 1, processes >= 1, seed >= 0; got {n_cases}, {n_processes}, {seed}")
    if not 1 <= spacing_mm <= 12:
        raise ValueError(f"spacing must be between 1 and 12 mm (organs vanish on coarser grids), got {spacing_mm}")


def claim_folder(out_folder: Path, recipe: dict, labels: dict[str, int]) -> None:
    """Make the folder with labels.json, or check that what is in it comes from the same recipe (else ValueError)."""
    recipe = json.loads(json.dumps(recipe))
    recipe_file = out_folder / RECIPE_FILE
    if recipe_file.is_file():
        found = read_user_json(recipe_file)
        differing = [key for key in recipe if found.get(key) != recipe[key]]
        if differing:
            what = ", ".join(differing)
            raise ValueError(f"{out_folder} holds a cohort made with another {what}; name another folder")
        return
    if out_folder.exists() and (not out_folder.is_dir() or any(out_folder.iterdir())):
        raise ValueError(f"{out_folder} exists and is not a phantom cohort; name a new or an empty folder")
    out_folder.mkdir(parents=True, exist_ok=True)
    write_json(labels, out_folder / "labels.json")
    write_json(recipe, recipe_file)
