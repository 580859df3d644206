"""Nuclides for PET: their half-lives, and how DICOM headers name them."""

import re
from dataclasses import dataclass

from nnunetv2_muduo.imageio.refusal import CaseRefused

HALF_LIFE_TOLERANCE = 0.02
"""Headers' half-lives differ from the evaluated ones by up to this share (Ga-68: 67.7 to 68.3 min; Rb-82: 75 to 76.4 s)."""


@dataclass(frozen=True)
class Nuclide:
    """A nuclide, its half-life in seconds, and its code values in SRT, SNOMED CT or DCM."""

    element: str
    symbol: str
    mass: str
    half_life_s: float
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.symbol}-{self.mass}"

    def has(self, half_life_s: float) -> bool:
        """Whether a header's half-life may be this nuclide's."""
        return abs(half_life_s / self.half_life_s - 1) <= HALF_LIFE_TOLERANCE

    def is_named_in(self, text: str) -> bool:
        """Whether a text such as '^18^Fluorine', 'F-18', '18F' or 'Fluorine F^18^' names this nuclide."""
        element = rf"(?:{self.element}|{self.symbol})"
        mass_first = rf"(?<!\d){self.mass}[\^\s-]*{element}(?![a-z])"
        element_first = rf"(?<![a-z]){element}[\^\s-]*{self.mass}(?![\dm])"
        return re.search(f"{mass_first}|{element_first}", text, re.IGNORECASE) is not None


MINUTE, HOUR, DAY = 60, 3600, 86400
YTTRIUM_90 = Nuclide("Yttrium", "Y", "90", 64.1 * HOUR, ("C-162A7", "14691008"))
NUCLIDES = (
    Nuclide("Carbon", "C", "11", 20.36 * MINUTE, ("C-105A1", "40565003")),
    Nuclide("Nitrogen", "N", "13", 9.965 * MINUTE, ("C-107A1", "21576001")),
    Nuclide("Oxygen", "O", "14", 70.6, ("C-1018C", "424875009")),
    Nuclide("Oxygen", "O", "15", 122.2, ("C-B1038", "129504001")),
    Nuclide("Fluorine", "F", "18", 109.77 * MINUTE, ("C-111A1", "77004003")),
    Nuclide("Sodium", "Na", "22", 950.6 * DAY, ("C-155A1", "71633006")),
    Nuclide("Potassium", "K", "38", 7.64 * MINUTE, ("C-135A4", "423764008")),
    Nuclide("Scandium", "Sc", "43", 3.89 * HOUR, ("126605",)),
    Nuclide("Scandium", "Sc", "44", 4.0 * HOUR, ("126600",)),
    Nuclide("Titanium", "Ti", "45", 184.8 * MINUTE, ("C-166A2", "75696008")),
    Nuclide("Manganese", "Mn", "51", 46.2 * MINUTE, ("126601",)),
    Nuclide("Manganese", "Mn", "52", 5.59 * DAY, ("C-149A1", "37225000")),
    Nuclide("Manganese", "Mn", "52m", 21.1 * MINUTE, ("126607",)),
    Nuclide("Iron", "Fe", "52", 8.275 * HOUR, ("C-130A1", "69089000")),
    Nuclide("Cobalt", "Co", "55", 17.53 * HOUR),
    Nuclide("Copper", "Cu", "60", 23.7 * MINUTE, ("C-127A4", "425364008")),
    Nuclide("Copper", "Cu", "61", 3.339 * HOUR, ("C-127A1", "71425003")),
    Nuclide("Copper", "Cu", "62", 9.67 * MINUTE, ("C-127A5", "422934004")),
    Nuclide("Copper", "Cu", "64", 12.70 * HOUR, ("C-127A2", "3932008")),
    Nuclide("Zinc", "Zn", "62", 9.19 * HOUR, ("C-141A1", "65054007")),
    Nuclide("Gallium", "Ga", "66", 9.49 * HOUR, ("C-131A1", "79477007")),
    Nuclide("Gallium", "Ga", "68", 67.9 * MINUTE, ("C-131A3", "35337001")),
    Nuclide("Germanium", "Ge", "68", 270.9 * DAY, ("C-128A2", "53315004")),
    Nuclide("Arsenic", "As", "70", 52.6 * MINUTE, ("126602",)),
    Nuclide("Arsenic", "As", "72", 26.0 * HOUR, ("C-115A2", "2705002")),
    Nuclide("Selenium", "Se", "73", 7.15 * HOUR, ("C-116A2", "87437000")),
    Nuclide("Bromine", "Br", "75", 96.7 * MINUTE, ("C-113A1", "17910003")),
    Nuclide("Bromine", "Br", "76", 16.2 * HOUR, ("C-113A2", "79523006")),
    Nuclide("Bromine", "Br", "77", 57.0 * HOUR, ("C-113A3", "86521004")),
    Nuclide("Rubidium", "Rb", "82", 75.7, ("C-159A2", "79197006")),
    Nuclide("Yttrium", "Y", "86", 14.74 * HOUR, ("C-162A3", "10738001")),
    YTTRIUM_90,
    Nuclide("Zirconium", "Zr", "89", 78.4 * HOUR, ("C-168A4", "63360001")),
    Nuclide("Niobium", "Nb", "90", 14.6 * HOUR, ("126603",)),
    Nuclide("Technetium", "Tc", "94m", 52.0 * MINUTE, ("C-163AA", "424079002")),
    Nuclide("Iodine", "I", "120", 81.6 * MINUTE),
    Nuclide("Iodine", "I", "124", 4.176 * DAY, ("C-114A5", "40937006")),
    Nuclide("Terbium", "Tb", "152", 17.5 * HOUR, ("126606",)),
)
"""DICOM's PET radionuclides (PS3.16 CID 4020) and three more; half-lives of the evaluated nuclear data (ENSDF)."""


def require_possible_half_life(half_life_s: float, code_value: str, code_meaning: str) -> None:
    """Raises CaseRefused unless the half-life is the one of the nuclide that the header names, by code or in words.

    Where it names none, the half-life must be that of some nuclide for PET.
    """
    named = [n for n in NUCLIDES if code_value in n.codes or n.is_named_in(code_meaning)]
    wrong = [nuclide for nuclide in named if not nuclide.has(half_life_s)]
    found = f"RadionuclideHalfLife (0018,1075) is {half_life_s:g} s"
    if wrong:
        raise CaseRefused(f"{found}, but {wrong[0]} has {wrong[0].half_life_s:g} s{_hint(half_life_s, wrong)}")
    if not named and not any(nuclide.has(half_life_s) for nuclide in NUCLIDES):
        raise CaseRefused(f"{found}, which no nuclide for PET has{_hint(half_life_s, NUCLIDES)}")


def _hint(half_life: float, nuclides) -> str:
    for seconds, unit in ((MINUTE, "minutes"), (HOUR, "hours"), (DAY, "days")):
        if any(nuclide.has(half_life * seconds) for nuclide in nuclides):
            return f"; seconds expected, are these {unit}?"
    return ""
