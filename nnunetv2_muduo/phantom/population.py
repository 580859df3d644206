"""Populations of patients and scanners: the ranges that a synthetic cohort is drawn from."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Population:
    """Ranges (uniform) and fractions of a cohort; another population is another instance of this class."""

    height_men_m: Range = (1.65, 1.92)
    height_women_m: Range = (1.52, 1.78)
    bmi: Range = (19.0, 34.0)
    size_variation: float = 1.0
    """How much organ volumes differ between patients of one body size: 1 as in adults, 0 not at all."""
    shape_variation_mm: float = 5.0
    """Standard deviation of the smooth displacement field that makes every patient's anatomy their own."""
    arms_down_fraction: float = 0.3
    whole_head_fraction: float = 0.5
    """The other scans begin between skull base and vertex."""
    lesion_fraction: float = 0.5
    """Patients with FDG-avid lesions outside the labeled organs."""

    contrast_fraction: float = 0.75
    """Studies with a contrast-enhanced (portal venous) CT."""
    ct_noise_hu: Range = (8.0, 18.0)
    ct_fwhm_mm: Range = (2.5, 4.0)
    pet_noise: Range = (0.06, 0.14)
    """Coefficient of variation in a tissue of SUV 1; it falls with the root of the SUV."""
    pet_fwhm_mm: Range = (5.0, 7.0)
    uptake_variation: float = 1.0
    """How much SUVs differ between studies: 1 as in FDG, 0 not at all."""
    breathing_fraction: float = 0.4
    """Studies whose PET shows the diaphragm elsewhere than the CT."""
    breathing_mm: Range = (3.0, 12.0)

    field_of_view_mm: Range = (560.0, 512.0)
    """Extent of the grid from right to left and from front to back."""


ADULTS = Population()


@dataclass(frozen=True)
class LabelMapPopulation(Population):
    """A population whose organs come from label maps, with uptake as varied as in the clinic."""

    uptake_variation: float = 1.4
    breathing_fraction: float = 0.75
    breathing_mm: Range = (3.0, 15.0)
    cold_fraction: float = 0.08
    """Organs without their usual uptake, each kind of organ by itself."""
    avid_fraction: float = 0.06
    """Organs with two to three times their usual uptake."""
    patchy_fraction: float = 0.2
    """Organs whose uptake varies strongly within them."""
    cyst_fraction: float = 0.15
    """Livers, kidneys and spleens with a cyst: water in the CT, no uptake in the PET."""


MAPPED_ADULTS = LabelMapPopulation()
