"""What a PET header says about the injected radiopharmaceutical: one administration, its dose and its half-life."""

from nnunetv2_muduo.conversion.dicom_tags import number_or_zero, positive_number, required
from nnunetv2_muduo.conversion.nuclides import YTTRIUM_90, require_possible_half_life
from nnunetv2_muduo.imageio.refusal import CaseRefused

LOWEST_DOSE_BQ, HIGHEST_DOSE_BQ = 1e6, 2e9
"""A hundredth of a usual dose of F-18, and twice the highest."""
FLOW_HALF_LIFE_S, HIGHEST_FLOW_DOSE_BQ = 1200, 1e10
"""Tracers of flow that live shorter (Rb-82, O-15, N-13) are given in higher doses, and so is Y-90 as a therapy."""
MOST_MCI = 60
"""Most that is injected for PET is 60 mCi (Rb-82, 2220 MBq): more in the field for Bq, up to the highest dose, is MBq."""

ADMINISTRATION = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalStartTime",
)


def administration(dataset):
    """The item of the only administration. Raises MissingTag where there is none, CaseRefused where there are several."""
    items = required(dataset, "RadiopharmaceuticalInformationSequence")
    if len({described(item) for item in items}) > 1:
        raise CaseRefused(
            f"{len(items)} administrations that differ: RadiopharmaceuticalInformationSequence (0054,0016); "
            "SUV is defined for one"
        )
    return items[0]


def described(item) -> tuple[str, ...]:
    """What tells one administration from another, as text."""
    return tuple(str(item.get(keyword, "")) for keyword in ADMINISTRATION)


def dose_bq(item) -> float:
    """Injected dose in Bq; MBq are converted where they can't be anything else.

    Raises MissingTag where it is missing or not above 0, CaseRefused where nobody gets such a dose.
    """
    dose = positive_number(item, "RadionuclideTotalDose")
    highest = highest_dose_bq(number_or_zero(item, "RadionuclideHalfLife"))
    if MOST_MCI < dose <= highest / 1e6:
        return 1e6 * dose
    if not LOWEST_DOSE_BQ <= dose <= highest:
        raise CaseRefused(
            f"RadionuclideTotalDose (0018,1074) is {dose:g}, {LOWEST_DOSE_BQ:g} to {highest:g} Bq expected (is it MBq or mCi?)"
        )
    return dose


def highest_dose_bq(half_life: float) -> float:
    """The highest dose of a nuclide by its half-life in seconds, 0 where that is unknown."""
    is_high = half_life < FLOW_HALF_LIFE_S or YTTRIUM_90.has(half_life)
    return HIGHEST_FLOW_DOSE_BQ if is_high else HIGHEST_DOSE_BQ


def half_life_s(item) -> float:
    """Half-life in seconds. Raises MissingTag where it is missing, CaseRefused where it isn't the nuclide's."""
    half_life = positive_number(item, "RadionuclideHalfLife")
    code = next(iter(item.get("RadionuclideCodeSequence") or []), {})
    require_possible_half_life(half_life, str(code.get("CodeValue", "")).strip(), str(code.get("CodeMeaning", "")))
    return half_life
