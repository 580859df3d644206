"""Check of one case, read once from the first to the last byte: what is in it, or why it is refused."""

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.case_values import value_findings
from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.label_grid import put_labels_on_grid
from nnunetv2_muduo.conversion.named_masks import name_findings
from nnunetv2_muduo.imageio.grid import (
    Grid,
    has_equal_header,
    is_same_grid,
    is_same_lattice,
    overlap_fraction,
)
from nnunetv2_muduo.imageio.images import whole_numbers
from nnunetv2_muduo.imageio.refusal import CaseRefused
from nnunetv2_muduo.imageio.voxels import voxel_digest

AS_IS, NEW_HEADER, REORDERED, ROUNDED = (
    "as it is",
    "header noise removed",
    "voxels reordered",
    "rounded to whole numbers",
)
LINEAR, NEAREST = "resampled linearly", "resampled to nearest"


def case_stamps(case: Case) -> list[list]:
    """Path, size and time of every file of a case: equal stamps mean that it needn't be read again."""
    return [stamp for source in (case.ct, case.pet, case.label) if source is not None for stamp in source.file_stamps()]


def check_case(case: Case, allow_bqml: bool = False) -> dict:
    """Findings about a case that may be converted, or {"problem": text}. All values can be written as JSON."""
    try:
        if case.problem:
            raise CaseRefused(case.problem)
        return _findings(case, allow_bqml)
    except (CaseRefused, OSError, RuntimeError) as error:
        return {"problem": str(error)}
    except (
        Exception
    ) as error:  # headers can be broken in ways that nobody foresees, and one case must not end all others
        return {"problem": f"{case.ct} and {case.pet} can't be checked ({type(error).__name__}: {error})"}


def _findings(case: Case, allow_bqml: bool) -> dict:
    pet, pet_hash = case.pet.read_with_hash()
    ct, ct_hash = case.ct.read_with_hash()
    grid = Grid.of(pet)
    findings = {
        "sha256": {"ct": ct_hash, "pet": pet_hash},
        "voxels": {
            "ct": voxel_digest(sitk.GetArrayViewFromImage(ct)),
            "pet": voxel_digest(sitk.GetArrayViewFromImage(pet)),
        },
        "grid": {"size": grid.size, "spacing_mm": grid.spacing_mm, "orientation": grid.orientation},
        "changes": {"ct": relate_ct(ct, pet, case)},
        "ct_covers": round(overlap_fraction(Grid.of(ct), grid), 3),
        **value_findings(ct, pet, case, allow_bqml),
    }
    if case.label is not None:
        label, findings["sha256"]["label"] = case.label.read_with_hash()
        findings["changes"]["label"] = relate_label(label, pet, case.label)
        findings["labels"] = label_statistics(label, pet, case.label)
        findings |= name_findings(label)
    return findings


def relate_ct(ct: sitk.Image, pet: sitk.Image, case: Case) -> str:
    """How the CT comes onto the PET's grid. Raises CaseRefused, with both geometries, where it may not."""
    grid, reference = Grid.of(ct), Grid.of(pet)
    known = _exact_relation(grid, reference)
    if known:
        return known
    if not case.ct_may_be_resampled:
        raise CaseRefused(f"{case.ct}: not on the grid of its PET\n  CT:  {grid}\n  PET: {reference}")
    if overlap_fraction(grid, reference) == 0:
        raise CaseRefused(f"{case.ct}: CT and PET don't overlap\n  CT:  {grid}\n  PET: {reference}")
    return LINEAR


def relate_label(label: sitk.Image, pet: sitk.Image, source) -> str:
    """How the label map comes onto the PET's grid, in whole numbers, since nnU-Net takes 0.9999999 for 0.

    Raises CaseRefused, with both geometries, where they are apart.
    """
    grid, reference = Grid.of(label), Grid.of(pet)
    if overlap_fraction(grid, reference) == 0:
        raise CaseRefused(f"{source}: label map and PET don't overlap\n  label: {grid}\n  PET:   {reference}")
    relation = _exact_relation(grid, reference) or NEAREST
    values = sitk.GetArrayViewFromImage(label)
    is_whole = np.issubdtype(values.dtype, np.integer) or np.array_equal(values, np.rint(values))
    return relation if is_whole or relation != AS_IS else ROUNDED


def _exact_relation(grid: Grid, reference: Grid) -> str | None:
    if is_same_grid(grid, reference):
        return AS_IS if has_equal_header(grid, reference) else NEW_HEADER
    return REORDERED if is_same_lattice(grid, reference) else None


def label_statistics(label: sitk.Image, pet: sitk.Image, source) -> dict[str, dict]:
    """Per value of the label map, on the PET's grid: voxels, volume in ml, center in mm (LPS).

    Raises CaseRefused where labels exist but none lies inside the PET.
    """
    label = whole_numbers(label, source)
    on_grid = put_labels_on_grid(label, pet)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.SetBackgroundValue(0)
    statistics.Execute(on_grid)
    if not statistics.GetLabels() and sitk.GetArrayViewFromImage(label).any():
        raise CaseRefused(f"{source}: no labelled voxel lies inside the PET\n  PET: {Grid.of(pet)}")
    return {
        str(value): {
            "voxels": statistics.GetNumberOfPixels(value),
            "ml": round(statistics.GetPhysicalSize(value) / 1000, 3),
            "center_mm": [round(x, 1) for x in statistics.GetCentroid(value)],
        }
        for value in statistics.GetLabels()
    }
