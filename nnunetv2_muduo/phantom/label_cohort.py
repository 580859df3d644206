"""Synthetic cohort on disk whose anatomy is that of given label maps: `muduo phantom --from-labels`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.cases import split_autopet_name
from nnunetv2_muduo.imageio.nifti import nifti_stem
from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.phantom.appearance import ct_image, pet_image
from nnunetv2_muduo.phantom.body import body_canvas, crop_to_body, paint_rest_of_body
from nnunetv2_muduo.phantom.cohort import check_settings, claim_folder, stored_images, to_image, write_all, write_images
from nnunetv2_muduo.phantom.label_map import LabelMap, read_label_map
from nnunetv2_muduo.phantom.organ_painting import cover_organs, paint_organs
from nnunetv2_muduo.phantom.organs import organ_kinds, tissue_table, vary_uptake
from nnunetv2_muduo.phantom.patient import Patient, Study, sample_patient, sample_study
from nnunetv2_muduo.phantom.placement import Placement, organ_extents, place_body
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS, LabelMapPopulation


@dataclass(frozen=True)
class MappedCase:
    """A study to be made from a label map: the map's file, and the names that stand in the file's."""

    label_file: Path
    patient_name: str
    study_name: str


@dataclass(frozen=True)
class Recipe:
    """What the images depend on, beside the label map and its name."""

    labels: Mapping[str, int]
    seed: int
    spacing_mm: float
    population: LabelMapPopulation


def mapped_case(label_file: str | Path) -> MappedCase:
    """Patient and study of an AutoPET file name such as `fdg_<hex>_<study>.nii.gz`; any other name is a patient's."""
    label_file = Path(label_file)
    stem = nifti_stem(label_file.name)
    patient, study = split_autopet_name(stem) or (stem, "")
    return MappedCase(label_file, patient, study or "PET-CT")


def render_from_labels(case: MappedCase, recipe: Recipe) -> dict[str, sitk.Image]:
    """CTres in HU, SUV, and SEG (the label map) on a grid of cubic voxels that lies in the map's own space.

    Raises ValueError where the map is damaged, holds values without a name, or no organ tells where the body lies.
    """
    kinds = organ_kinds(recipe.labels)
    organs, placement = _read_and_place(case, recipe, kinds)
    patient, study, rng = _draw(case, recipe, organs, kinds)
    body_rng, organ_rng, uptake_rng, ct_rng, pet_rng = rng.spawn(5)
    canvas, grid = body_canvas(organs, placement, patient.shape_variation_mm, body_rng)
    paint_rest_of_body(canvas, patient, study, body_rng)
    cover_organs(canvas, organs.labels, kinds, 0.6 * study.fat_mm)
    tissues, population = tissue_table(recipe.labels), recipe.population
    ids = {tissue.name: index for index, tissue in enumerate(tissues)}
    paint_organs(canvas, organs.labels, grid, ids, kinds, population.cyst_fraction, organ_rng)
    tissues = vary_uptake(tissues, kinds, population, uptake_rng)
    ct_hu = ct_image(canvas.tissue, study, grid, ct_rng, tissues)
    pet_suv = pet_image(canvas.tissue, study, grid, pet_rng, population.uptake_variation, tissues)
    arrays = stored_images(ct_hu, pet_suv, organs.labels)
    return {name: to_image(array, recipe.spacing_mm, _grid_origin(organs)) for name, array in arrays.items()}


def _read_and_place(case: MappedCase, recipe: Recipe, kinds: Mapping[int, str]) -> tuple[LabelMap, Placement]:
    """The map, as much of it as is rendered, and where the body lies in it."""
    organs = read_label_map(case.label_file, recipe.spacing_mm)
    foreign = sorted(set(np.unique(organs.labels).tolist()) - {0, *kinds})
    if foreign:
        raise ValueError(f"{case.label_file} holds the values {foreign}, which have no name in {dict(recipe.labels)}")
    try:
        placement = place_body(organ_extents(organs, kinds))
    except ValueError as error:
        raise ValueError(f"{case.label_file}: {error}") from error
    return crop_to_body(organs, placement, recipe.population.field_of_view_mm), placement


def _draw(
    case: MappedCase, recipe: Recipe, organs: LabelMap, kinds: Mapping[int, str]
) -> tuple[Patient, Study, np.random.Generator]:
    """The patient, the same in all of their studies, the study, and the generator for all else."""
    patient_rng = _generator(recipe.seed, case.patient_name)
    rng = _generator(recipe.seed, case.patient_name, case.study_name)
    shown = {kinds[value] for value in np.unique(organs.labels).tolist() if value}
    coin = patient_rng.random() < 0.5
    male = "prostate" in shown or (coin and not ("bladder" in shown and "prostate" in kinds.values()))
    patient = sample_patient(patient_rng, recipe.population, male)
    return patient, sample_study(rng, recipe.population, patient), rng


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(json.dumps([seed, *names]).encode()).digest()))


def _grid_origin(organs: LabelMap) -> tuple[float, float, float]:
    """Middle of the grid (x, y) and its lowest slice (z), as `to_image` wants them."""
    z, y, x = organs.axes_zyx
    return (float(x[0] + x[-1]) / 2, float(y[0] + y[-1]) / 2, float(z[0]))


def write_cohort_from_labels(
    label_files: Sequence[str | Path],
    out_folder: str | Path,
    labels: Mapping[str, int],
    seed: int,
    spacing_mm: float = 4.0,
    n_processes: int | None = None,
    population: LabelMapPopulation = MAPPED_ADULTS,
) -> list[Path]:
    """Write one PET/CT study per label map in AutoPET's layout, and return the studies' folders in the files' order.

    A study's files depend on its map, the map's file name, labels, seed, spacing and population alone, not on the other
    files. Studies that are there already are kept. labels: {"background": 0, "liver": 1, ...}. n_processes: all cores by
    default.

    Raises ValueError for settings out of range, for files that would be one study, where a map does not fit the labels,
    and when the folder holds something else or a cohort of other settings.
    """
    out_folder = Path(out_folder)
    n_processes = n_cores() if n_processes is None else n_processes
    check_settings(len(label_files), seed, spacing_mm, n_processes)
    cases = [mapped_case(label_file) for label_file in label_files]
    folders = [out_folder / case.patient_name / case.study_name for case in cases]
    if len(set(folders)) < len(folders):
        same = next(folder for folder in folders if folders.count(folder) > 1)
        raise ValueError(f"several label maps would be the study {same.relative_to(out_folder)}; give each once")
    recipe = Recipe(dict(labels), seed, spacing_mm, population)
    claim_folder(out_folder, asdict(recipe), recipe.labels)
    missing = [(case, folder) for case, folder in zip(cases, folders, strict=True) if not folder.is_dir()]
    write_all(partial(_write_study, recipe=recipe), missing, n_processes)
    return folders


def _write_study(case: MappedCase, folder: Path, recipe: Recipe) -> None:
    write_images(render_from_labels(case, recipe), folder)
