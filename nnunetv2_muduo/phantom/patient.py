"""Patients and their studies: every number that the anatomy and the images are made from."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.phantom.population import Population

ORGAN_VOLUMES_ML = {  # mean, standard deviation, smallest, largest
    "liver": (1650, 260, 1120, 2120),
    "spleen": (220, 65, 120, 380),
    "kidney_left": (160, 22, 108, 212),
    "kidney_right": (155, 22, 108, 212),
    "heart": (640, 95, 470, 860),
    "prostate": (32, 12, 17, 56),
    "stomach": (330, 120, 150, 650),
    "gallbladder": (30, 10, 12, 60),
    "uterus": (75, 20, 40, 130),
}


@dataclass(frozen=True)
class Patient:
    """What stays the same between the studies of one patient."""

    male: bool
    height_m: float
    bmi: float
    scale_xyz: tuple[float, float, float]  # of the standard body, 1.72 m tall
    visceral: float  # relative enlargement of the belly's inside
    volumes_ml: dict[str, float]
    offsets_xyz: dict[str, tuple[float, float, float]]  # of the organs, mm
    has_lesions: bool
    shape_variation_mm: float
    shape_seed: int


@dataclass(frozen=True)
class Study:
    """What changes from one study to the next."""

    fat_mm: float  # subcutaneous, at the waist
    turn_deg: float
    shift_xyz: tuple[float, float, float]
    arms_down: bool
    z_range_mm: tuple[float, float]  # of the scan, in the standard body
    dome_mm: float  # height of the right hemidiaphragm
    bladder_ml: float
    volume_factor: float
    breathing_mm: float  # by how much the PET shows the upper abdomen lower than the CT
    contrast: float
    ct_noise_hu: float
    ct_fwhm_mm: float
    pet_noise: float
    pet_fwhm_mm: float
    shape_seed: int  # of what moves: bowel, lesions


def sample_patient(rng: np.random.Generator, population: Population, male: bool) -> Patient:
    """Draw a patient of the given sex."""
    height_m = rng.uniform(*(population.height_men_m if male else population.height_women_m))
    bmi = rng.uniform(*population.bmi)
    wide = 1 + 0.45 * (height_m / 1.72 - 1) + 0.006 * (bmi - 25)
    scale_xyz = tuple(float(s) for s in (wide, wide, height_m / 1.72) * rng.normal(1, (0.025, 0.025, 0.015)))
    body_factor = float(np.prod(scale_xyz)) ** 0.7
    volumes_ml = {}
    for organ, (mean, sd, low, high) in ORGAN_VOLUMES_ML.items():
        volume_ml = mean * body_factor + sd * population.size_variation * rng.standard_normal()
        volumes_ml[organ] = float(np.clip(volume_ml, low, high))
    return Patient(
        male=male,
        height_m=height_m,
        bmi=bmi,
        scale_xyz=scale_xyz,
        visceral=float(np.clip(0.012 * (bmi - 24) * (1.3 if male else 0.7), -0.04, 0.14)),
        volumes_ml=volumes_ml,
        offsets_xyz={organ: tuple(rng.normal(0, (4, 4, 6))) for organ in ORGAN_VOLUMES_ML},
        has_lesions=rng.random() < population.lesion_fraction,
        shape_variation_mm=population.shape_variation_mm,
        shape_seed=int(rng.integers(2**31)),
    )


def sample_study(rng: np.random.Generator, population: Population, patient: Patient) -> Study:
    """Draw one study of a patient: pose, weight, filling, breathing and the scanner's settings."""
    fat_mm = (6 + 1.5 * (patient.bmi - 19)) * (0.9 if patient.male else 1.25) * rng.normal(1, 0.08)
    whole_head = rng.random() < population.whole_head_fraction
    top_mm = rng.uniform(500, 520) if whole_head else rng.uniform(385, 490)
    breathing = rng.random() < population.breathing_fraction
    contrast = rng.random() < population.contrast_fraction
    return Study(
        fat_mm=float(np.clip(fat_mm, 5, 40)),
        turn_deg=rng.normal(0, 2),
        shift_xyz=tuple(rng.normal(0, (6, 6, 0))),
        arms_down=rng.random() < population.arms_down_fraction,
        z_range_mm=(rng.uniform(-500, -430), top_mm),
        dome_mm=rng.uniform(32, 58),
        bladder_ml=rng.uniform(60, 260),
        volume_factor=rng.uniform(0.97, 1.03),
        breathing_mm=rng.uniform(*population.breathing_mm) * rng.choice((-1, 1)) if breathing else 0.0,
        contrast=rng.uniform(0.75, 1.25) if contrast else 0.0,
        ct_noise_hu=rng.uniform(*population.ct_noise_hu),
        ct_fwhm_mm=rng.uniform(*population.ct_fwhm_mm),
        pet_noise=rng.uniform(*population.pet_noise),
        pet_fwhm_mm=rng.uniform(*population.pet_fwhm_mm),
        shape_seed=int(rng.integers(2**31)),
    )
