"""Weight, height and sex of a patient, and the masses by which an SUV may be normalized instead of body weight."""

from collections.abc import Callable

from nnunetv2_muduo.conversion.dicom_tags import MissingTag, positive_number, required
from nnunetv2_muduo.imageio.refusal import CaseRefused

LOWEST_KG, HIGHEST_KG = 2, 320
"""From a newborn (the EANM's dosage card begins at 3 kg) to what the table of a scanner bears (700 lb)."""
LOWEST_G = 1000
"""A weight of 1000 and more is in grams: nobody weighs a ton."""
LOWEST_CM, HIGHEST_CM = 35, 250
HIGHEST_M = 3
"""A height above it is in cm."""
LOWEST_BMI, HIGHEST_BMI = 5, 180
"""kg/m^2: twice as far as anybody was ever measured, so that it finds a weight that is off by a factor."""


def patient_weight_kg(dataset) -> float:
    """Weight in kg; grams are converted where they can't be kg.

    Raises MissingTag where it is missing or not above 0, CaseRefused where nobody weighs that, at this height.
    """
    weight = positive_number(dataset, "PatientWeight")
    weight_kg = weight / 1000 if weight >= LOWEST_G else weight
    if not LOWEST_KG <= weight_kg <= HIGHEST_KG:
        raise CaseRefused(f"PatientWeight (0010,1030) is {weight:g}, {LOWEST_KG} to {HIGHEST_KG} kg expected")
    height_cm = _plausible_height_cm(dataset)
    if height_cm and not LOWEST_BMI <= weight_kg / (height_cm / 100) ** 2 <= HIGHEST_BMI:
        raise CaseRefused(
            f"PatientWeight (0010,1030) is {weight:g}, which nobody of {height_cm:g} cm weighs: PatientSize (0010,1020)"
        )
    return weight_kg


def _plausible_height_cm(dataset) -> float | None:
    try:
        return patient_height_cm(dataset)
    except CaseRefused:
        return None


def patient_height_cm(dataset) -> float:
    """Height in cm, from a header in m or cm. Raises MissingTag or CaseRefused where it is missing or nobody's."""
    height = positive_number(dataset, "PatientSize")
    height_cm = 100 * height if height <= HIGHEST_M else height
    if not LOWEST_CM <= height_cm <= HIGHEST_CM:
        raise CaseRefused(f"PatientSize (0010,1020) is {height:g}, {LOWEST_CM} to {HIGHEST_CM} cm expected, in m")
    return height_cm


def _james(male_factor: float) -> dict[str, Callable[[float, float], float]]:
    return {
        "M": lambda kg, cm: 1.10 * kg - male_factor * (kg / cm) ** 2,
        "F": lambda kg, cm: 1.07 * kg - 148 * (kg / cm) ** 2,
    }


MASS_KG = {
    "LBM": _james(120),
    "LBMJAMES128": _james(128),
    "LBMJANMA": {
        "M": lambda kg, cm: 9270 * kg / (6680 + 216 * kg / (cm / 100) ** 2),
        "F": lambda kg, cm: 9270 * kg / (8780 + 244 * kg / (cm / 100) ** 2),
    },
    "IBW": {"M": lambda kg, cm: 48.0 + 1.06 * (cm - 152), "F": lambda kg, cm: 45.5 + 0.91 * (cm - 152)},
}
"""Mass in kg of weight in kg and height in cm, per SUVType (0054,1006) and sex: lean body mass by James with Morgan's 120
(LBM) or with 128, by Janmahasatian (Clin Pharmacokinet 44, 2005), ideal body weight by Sugawara (Radiology 213, 1999)."""


def to_body_weight(dataset, suv_type: str) -> float:
    """Factor from an SUV that is normalized by another mass, or by the surface of the body, to SUVbw.

    Of sex O the masses of both sexes are averaged, as the IBSI's SUV manual says. Raises CaseRefused, naming the tag,
    where weight, height or sex don't make the factor certain.
    """
    if suv_type not in ("BSA", *MASS_KG):
        raise CaseRefused(f"SUV normalized by {suv_type}, not by body weight: SUVType (0054,1006)")
    try:
        weight_kg, height_cm = patient_weight_kg(dataset), patient_height_cm(dataset)
        if suv_type == "BSA":  # cm^2/ml; surface in m^2 by Du Bois (Arch Intern Med 17, 1916)
            return weight_kg / (10 * 0.007184 * height_cm**0.725 * weight_kg**0.425)
        masses_kg = [MASS_KG[suv_type][sex](weight_kg, height_cm) for sex in _sexes(dataset)]
    except CaseRefused as error:
        kind = MissingTag if isinstance(error, MissingTag) else CaseRefused
        raise kind(f"SUV normalized by {suv_type}, SUVType (0054,1006), can't be converted: {error}") from error
    if min(masses_kg) <= 0:
        raise CaseRefused(f"{suv_type} of {weight_kg:g} kg and {height_cm:g} cm is below 0: SUVType (0054,1006)")
    return weight_kg * len(masses_kg) / sum(masses_kg)


def _sexes(dataset) -> str:
    sexes = {"M": "M", "F": "F", "O": "MF"}
    sex = str(required(dataset, "PatientSex")).strip().upper()
    if sex not in sexes:
        raise CaseRefused(f"PatientSex (0010,0040) is {sex!r}, M, F or O expected")
    return sexes[sex]
