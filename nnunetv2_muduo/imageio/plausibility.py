"""What the images of one case can show together: the rules that convert, check and prepare share.

SUV is activity times weight over dose: sum(SUV x ml) / weight in g is the share of the injected dose that the image holds. It
is 1 at most. Where the weight is unknown, the CT says how much of a body the image holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnunetv2_muduo.imageio.body import BodyUptake
from nnunetv2_muduo.imageio.modalities import BODY_ABOVE_HU, MODALITIES, Modality
from nnunetv2_muduo.imageio.refusal import CaseRefused
from nnunetv2_muduo.imageio.units import require_plausible, thinned

HEAVIEST_KG = 250
"""No scanner's table carries more."""
HIGHEST_DOSE_SHARE = 1.25
"""1, and room for the calibration of scanner and dose meter."""
HEAVIEST_VIEW_KG = 300
"""The heaviest patient on the table: a CT that shows more takes air for body, so its HU are shifted."""
LOWEST_MEAN_SUV, LOWEST_MEDIAN_SUV = 0.05, 0.05
"""Over the body. Fat has the least uptake, 0.1 to 0.3."""
LARGE_VIEW_KG = 3
"""From this mass on a tenth of what is seen is fat, muscle or bone; a smaller image may lie within a liver or a brain."""
HIGHEST_TENTH_SUV, HIGHEST_TENTH_OF_SPOT_SUV = 2, 40
"""Of a large view: twice the mean of a whole person (which is 1 at most), where real ones have 0.1 to 0.5. Of the smallest: a
full bladder all over the image."""
OPEN_VIEW_AIR, HIGHEST_TENTH_OF_OPEN_VIEW_SUV = 0.5, 4
"""A view of which half is air lies at the skin and not in an organ, however small it is."""
HEAVY_KG, HIGHEST_MEAN_SUV, HIGHEST_MEAN_OF_SPOT_SUV = 150, 2, 100
"""A view of m kg holds at most the dose of a heavy patient, so its mean SUV is HEAVY_KG / m at most. At least 2 is allowed: half
of a body can hold all. Not more than 100 is, however small: no organ has more."""
LEAST_ON_TISSUE = 0.5
"""Share of the activity that must lie where the CT shows tissue; real ones have 0.87 and more."""
HIGHEST_LIKENESS = 0.99
"""Correlation of PET and CT over the body; real ones have 0.4 at most, a small part of a body up to 0.91."""


class Channel(NamedTuple):
    """One image of a case, whole: its modality (None where it has no unit), values (z, y, x), and what messages call it."""

    modality: Modality | None
    values: np.ndarray
    source: object


def require_plausible_case(
    channels: Sequence[Channel], voxel_ml: float, weight_kg: float | None = None
) -> BodyUptake | None:
    """Refuse images that are not in HU and SUV, each by itself and CT with PET.

    Args:
        channels: the images of one case, on one grid; those without a unit pass.
        voxel_ml: volume of a voxel.
        weight_kg: the patient's, where it is known.

    Returns:
        The uptake of the body, where there are CT and PET.

    Raises:
        CaseRefused: the message names the image.
    """
    for channel in channels:
        if channel.modality is not None:
            require_plausible(channel.modality, channel.values, channel.source)
    few = [channel._replace(values=thinned(channel.values)) for channel in channels]
    step_ml = voxel_ml * channels[0].values.size / few[0].values.size
    cts, pets = ([one for one in few if one.modality is MODALITIES[key]] for key in ("ct", "pet"))
    for ct in cts:
        _refuse_heavy_view(ct, step_ml)
    for pet in pets:
        require_possible_dose(pet.values, step_ml, weight_kg, pet.source)
    uptakes = [_require_plausible_pair(ct, pet, step_ml) for ct in cts for pet in pets]
    return uptakes[0] if uptakes else None


def require_possible_dose(pet_suv: np.ndarray, voxel_ml: float, weight_kg: float | None, source) -> None:
    """Raise CaseRefused where a PET holds more than was injected, into the heaviest patient where the weight is unknown."""
    suv_kg = float(pet_suv.sum(dtype=np.float64)) * voxel_ml / 1000
    share = suv_kg / (weight_kg or HEAVIEST_KG)
    if share > HIGHEST_DOSE_SHARE:
        of = f"{weight_kg:g} kg" if weight_kg else f"the heaviest patient, {HEAVIEST_KG} kg"
        raise CaseRefused(
            f"{source}: not in SUV, it holds {share:.3g} times the dose that was injected (by the weight of {of}). Weight, "
            "dose, times or units are wrong."
        )


def _refuse_heavy_view(ct: Channel, voxel_ml: float) -> None:
    view_kg = (ct.values > BODY_ABOVE_HU).sum() * voxel_ml / 1000
    if view_kg > HEAVIEST_VIEW_KG:
        raise CaseRefused(f"{ct.source}: not in HU, {view_kg:.0f} kg of it are denser than {BODY_ABOVE_HU} (shifted?)")


def highest_mean_suv(body_kg: float) -> float:
    """Bound of the mean SUV over so much of a body."""
    return min(max(HIGHEST_MEAN_SUV, HEAVY_KG / body_kg), HIGHEST_MEAN_OF_SPOT_SUV)


def highest_tenth_suv(body_kg: float, air: float) -> float:
    """Bound of the SUV that a tenth of so much of a body is below; it loosens fast where a view may lie in one organ.

    Args:
        air: share of the view that is air.
    """
    highest = HIGHEST_TENTH_OF_OPEN_VIEW_SUV if air >= OPEN_VIEW_AIR else HIGHEST_TENTH_OF_SPOT_SUV
    return min(HIGHEST_TENTH_SUV * max(1, (LARGE_VIEW_KG / body_kg) ** 2), highest)


def _require_plausible_pair(ct: Channel, pet: Channel, voxel_ml: float) -> BodyUptake:
    uptake = BodyUptake.of(ct.values, pet.values, voxel_ml)
    kg, where = uptake.body_kg, f"over the {uptake.body_kg:.3g} kg of body in {ct.source}"
    if uptake.likeness > HIGHEST_LIKENESS:
        raise CaseRefused(f"{pet.source}: not a PET but a copy of the CT {ct.source}")
    if uptake.on_tissue < LEAST_ON_TISSUE:
        raise CaseRefused(
            f"{pet.source}: only {uptake.on_tissue:.0%} of its activity lies where the CT {ct.source} shows tissue; the CT "
            "covers too little of the PET, is moved, or is of another patient"
        )
    if uptake.mean_suv > highest_mean_suv(kg):
        raise CaseRefused(
            f"{pet.source}: not in SUV, its mean is {uptake.mean_suv:.3g} {where}, at most {highest_mean_suv(kg):.3g} is possible"
        )
    if uptake.tenth_suv > (highest_tenth := highest_tenth_suv(kg, uptake.air)):
        raise CaseRefused(
            f"{pet.source}: not in SUV, nine tenths are above {uptake.tenth_suv:.3g} {where}, where fat and muscle have less "
            f"than {highest_tenth:.3g}"
        )
    if uptake.mean_suv < LOWEST_MEAN_SUV or uptake.median_suv < LOWEST_MEDIAN_SUV:
        raise CaseRefused(
            f"{pet.source}: not in SUV, or {ct.source} not in HU: mean {uptake.mean_suv:.3g} and median "
            f"{uptake.median_suv:.3g} {where}, at least {LOWEST_MEAN_SUV} is there in fat"
        )
    return uptake
