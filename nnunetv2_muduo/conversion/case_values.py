"""What the voxels of a case must and do show, before it is converted: HU, SUV, and the uptake of the body."""

import math

import SimpleITK as sitk

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dicom import IN_BQML, NOTE_KEY
from nnunetv2_muduo.conversion.record import BQ_PER_ML
from nnunetv2_muduo.conversion.suv import DOSE_KEY, UPTAKE_KEY, WEIGHT_KEY
from nnunetv2_muduo.imageio.grid import put_on_grid
from nnunetv2_muduo.imageio.modalities import MODALITIES
from nnunetv2_muduo.imageio.plausibility import Channel, require_plausible_case
from nnunetv2_muduo.imageio.units import require_plausible, thinning, value_range


def value_findings(ct: sitk.Image, pet: sitk.Image, case: Case, allow_bqml: bool) -> dict:
    """Findings about the values of a case, whose CT overlaps its PET on whatever grid.

    Raises CaseRefused where they are not in HU and SUV. A PET whose header did not suffice for SUV is left in Bq/ml where
    `allow_bqml` says so, and not checked.
    """
    ct_values, pet_values = sitk.GetArrayViewFromImage(ct), sitk.GetArrayViewFromImage(pet)
    findings = {"ct_hu": value_range(ct_values, case.ct), "pet_suv": value_range(pet_values, case.pet)}
    header = {key: float(pet.GetMetaData(key)) for key in (WEIGHT_KEY, DOSE_KEY, UPTAKE_KEY) if pet.HasMetaDataKey(key)}
    note = pet.GetMetaData(NOTE_KEY) if pet.HasMetaDataKey(NOTE_KEY) else ""
    require_plausible(MODALITIES["ct"], ct_values, case.ct)
    if note:
        findings["pet_units"] = note
    if header:
        findings["header"] = header
    if allow_bqml and note.startswith(IN_BQML):
        return findings | {"pet_unit": BQ_PER_ML}
    require_plausible(MODALITIES["pet"], pet_values, case.pet)
    return findings | {"uptake": _uptake(ct, pet, case, header.get(WEIGHT_KEY))}


def _uptake(ct: sitk.Image, pet: sitk.Image, case: Case, weight_kg: float | None) -> dict[str, float]:
    """Both on as many of the PET's voxels as are looked at, which spares resampling a whole CT."""
    step = thinning(pet.GetSize())
    few_pet = pet[::step, ::step, ::step]
    few_ct = put_on_grid(ct, few_pet, sitk.sitkLinear, MODALITIES["ct"].outside)
    channels = [
        Channel(MODALITIES["ct"], sitk.GetArrayViewFromImage(few_ct), case.ct),
        Channel(MODALITIES["pet"], sitk.GetArrayViewFromImage(few_pet), case.pet),
    ]
    voxel_ml = math.prod(pet.GetSpacing()) / 1000 * pet.GetNumberOfPixels() / few_pet.GetNumberOfPixels()
    uptake = require_plausible_case(channels, voxel_ml, weight_kg)
    found = {"body_kg": uptake.body_kg, "mean_suv": uptake.mean_suv, "median_suv": uptake.median_suv}
    found["on_tissue"] = uptake.on_tissue
    if weight_kg:
        found["dose_share"] = uptake.suv_kg / weight_kg
    return {name: round(value, 4) for name, value in found.items()}
