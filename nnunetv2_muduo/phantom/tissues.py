"""Tissues of the phantom: for each its organ label, CT density and FDG uptake.

Means follow textbook values of portal venous CT and of FDG PET an hour after injection; they vary between studies.
"""

from typing import NamedTuple

import numpy as np

LABELS = {
    "background": 0,
    "liver": 1,
    "kidney_left": 2,
    "kidney_right": 3,
    "heart": 4,
    "spleen": 5,
    "aorta": 6,
    "prostate": 7,
    "lung_lower_lobe_left": 8,
    "lung_lower_lobe_right": 9,
    "lung_upper_lobe_left": 10,
    "lung_upper_lobe_right": 11,
    "lung_middle_lobe_right": 12,
}


class Tissue(NamedTuple):
    """Means, and how they vary between studies and within the tissue."""

    name: str
    hu: float
    hu_sd: float  # between studies
    hu_texture: float  # within the tissue
    contrast_hu: float  # what contrast medium adds
    suv: float
    suv_log_sd: float  # between studies
    suv_texture: float  # within the tissue, relative
    group: str = ""  # tissues of one group vary together between studies


TISSUES = (
    #      name                       hu  sd texture contrast suv log_sd texture group
    Tissue("air",                  -1000,  0,   0,   0,  0.01, 0.20, 0.0),
    Tissue("table",                 -350, 60,   0,   0,  0.02, 0.00, 0.0),
    Tissue("skin",                     0,  8,  10,   0,  0.50, 0.20, 0.1),
    Tissue("fat",                   -102,  5,   8,   0,  0.22, 0.20, 0.2),
    Tissue("muscle",                  52,  5,  10,   8,  0.65, 0.20, 0.15),
    Tissue("visceral_fat",           -98,  5,  14,   0,  0.35, 0.20, 0.2),
    Tissue("mediastinum",            -20, 15,  45,  10,  0.90, 0.15, 0.2),
    Tissue("cortical_bone",          620, 80,  90,   0,  0.60, 0.20, 0.2, "bone"),
    Tissue("spongy_bone",            190, 40,  45,   5,  1.25, 0.25, 0.2, "marrow"),
    Tissue("cartilage",               90, 15,  15,   0,  0.70, 0.15, 0.1),
    Tissue("marrow_fat",             -20, 20,  25,   0,  0.50, 0.20, 0.1),
    Tissue("spinal_canal",            28,  5,   6,   5,  1.10, 0.15, 0.1),
    Tissue("gray_matter",             38,  2,   4,   4,  9.00, 0.25, 0.12, "brain"),
    Tissue("white_matter",            29,  2,   3,   2,  3.60, 0.25, 0.12, "brain"),
    Tissue("ventricle",                8,  2,   1,   0,  1.50, 0.20, 0.1, "brain"),
    Tissue("eye",                     15,  4,   3,   0,  1.20, 0.20, 0.1),
    Tissue("gland",                   45, 10,  10,  35,  2.20, 0.35, 0.15),
    Tissue("tonsil",                  50,  5,   5,  30,  4.00, 0.40, 0.2),
    Tissue("airway",                -985,  5,   0,   0,  0.35, 0.20, 0.0),
    Tissue("vein",                    42,  4,   3,  85,  1.60, 0.18, 0.05, "blood"),
    Tissue("artery",                  42,  4,   3,  95,  1.60, 0.18, 0.05, "blood"),
    Tissue("stomach_wall",            40,  6,   6,  40,  2.60, 0.35, 0.25, "stomach"),
    Tissue("stomach_content",         25, 15,  10,   0,  0.80, 0.30, 0.2),
    Tissue("gas",                   -900, 30,  20,   0,  0.50, 0.20, 0.0),
    Tissue("small_bowel",             35,  8,  15,  35,  1.35, 0.30, 0.35, "bowel"),
    Tissue("colon",                   30, 15,  35,  15,  1.50, 0.40, 0.45, "bowel"),
    Tissue("pancreas",                40,  6,  10,  50,  1.60, 0.20, 0.15),
    Tissue("gallbladder",             10,  5,   2,   0,  0.60, 0.20, 0.1),
    Tissue("bladder",                  6,  4,   2,   4, 22.00, 0.55, 0.05, "urine"),
    Tissue("uterus",                  48,  6,   8,  45,  1.90, 0.30, 0.2),
    Tissue("lesion",                  45,  8,   8,  30,  8.00, 0.40, 0.15),
    Tissue("liver",                   56,  6,   6,  50,  2.35, 0.11, 0.08),
    Tissue("kidney_cortex_left",      34,  4,   5, 130,  2.70, 0.18, 0.12, "kidney"),
    Tissue("kidney_pelvis_left",      14,  6,  10,  70, 10.00, 0.45, 0.3, "renal_pelvis"),
    Tissue("kidney_cortex_right",     34,  4,   5, 130,  2.70, 0.18, 0.12, "kidney"),
    Tissue("kidney_pelvis_right",     14,  6,  10,  70, 10.00, 0.45, 0.3, "renal_pelvis"),
    Tissue("heart_blood",             42,  4,   5,  90,  1.70, 0.18, 0.06, "blood"),
    Tissue("right_heart_wall",        48,  4,   6,  55,  1.80, 0.25, 0.15, "blood"),
    Tissue("left_heart_wall",         50,  4,   5,  65,  3.80, 0.65, 0.25),
    Tissue("spleen",                  48,  4,   4,  62,  1.85, 0.15, 0.06),
    Tissue("aorta",                   42,  4,   3, 100,  1.65, 0.18, 0.04, "blood"),
    Tissue("prostate",                42,  5,   8,  25,  2.00, 0.25, 0.25),
    Tissue("lung_lower_lobe_left",  -800, 35,  38,  12,  0.55, 0.18, 0.2, "lung"),
    Tissue("lung_lower_lobe_right", -800, 35,  38,  12,  0.55, 0.18, 0.2, "lung"),
    Tissue("lung_upper_lobe_left",  -825, 35,  34,  12,  0.42, 0.18, 0.2, "lung"),
    Tissue("lung_upper_lobe_right", -825, 35,  34,  12,  0.42, 0.18, 0.2, "lung"),
    Tissue("lung_middle_lobe_right",-825, 35,  34,  12,  0.42, 0.18, 0.2, "lung"),
)  # fmt: skip

ID = {tissue.name: index for index, tissue in enumerate(TISSUES)}

_PARTS = {  # tissues that are part of an organ of another name
    "kidney_cortex_left": "kidney_left",
    "kidney_pelvis_left": "kidney_left",
    "kidney_cortex_right": "kidney_right",
    "kidney_pelvis_right": "kidney_right",
    "heart_blood": "heart",
    "right_heart_wall": "heart",
    "left_heart_wall": "heart",
}

LABEL_OF_TISSUE = np.array([LABELS.get(_PARTS.get(t.name, t.name), 0) for t in TISSUES], np.uint8)
