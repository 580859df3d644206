"""Kinds of organs in a label map: their tissues, and how their uptake differs from study to study."""

from collections.abc import Mapping

import numpy as np

from nnunetv2_muduo.phantom.population import LabelMapPopulation
from nnunetv2_muduo.phantom.tissues import TISSUES, Tissue

_WORDS = {  # kind of organ: words in a name by which it is known; the first kind that fits counts
    "cyst": "cyst",
    "gallbladder": "gallbladder",
    "bladder": "bladder",
    "lung": "lung",
    "kidney": "kidney",
    "brain": "brain",
    "heart": "heart",
    "stomach": "stomach",
    "liver": "liver",
    "spleen": "spleen",
    "aorta": "aorta",
    "prostate": "prostate",
    "pancreas": "pancreas",
    "uterus": "uterus",
    "colon": "colon rectum",
    "small_bowel": "bowel duodenum",
    "gland": "gland thyroid parotid",
    "airway": "trachea",
    "artery": "artery",
    "vein": "vein vena",
    "spinal_canal": "spinal",
    "spongy_bone": "vertebra bone rib_ sternum sacrum hip_ hip femur scapula clavic humerus skull",
    "muscle": "muscle gluteus autochthon iliopsoas esophagus",
    "lesion": "lesion tumor tumour",
    "visceral_fat": "fat",
}
PARTS = {  # tissues of a kind; the first is what the organ is made of where nothing else is
    "lung": ("lung_upper_lobe_left",),
    "kidney": ("kidney_cortex_left", "kidney_pelvis_left"),
    "brain": ("gray_matter", "white_matter", "ventricle"),
    "heart": ("heart_blood", "left_heart_wall", "right_heart_wall"),
    "stomach": ("stomach_wall", "stomach_content"),
}
CYST = Tissue("cyst", 8, 5, 3, 0, 0.4, 0.2, 0.1)
_UNKNOWN = Tissue("", 42, 10, 10, 30, 1.6, 0.35, 0.25)  # any soft organ


def organ_kinds(labels: Mapping[str, int]) -> dict[int, str]:
    """Kind of every label value; an organ of unknown name is a kind of its own."""
    return {value: _kind_of(name) for name, value in labels.items() if value}


def _kind_of(name: str) -> str:
    fitting = (kind for kind, words in _WORDS.items() if any(word in name.lower() for word in words.split()))
    return next(fitting, name)


def unknown_organs(labels: Mapping[str, int]) -> list[str]:
    """Names of the organs that are painted as soft tissue of no special kind."""
    known = {*_WORDS, *(tissue.name for tissue in TISSUES)}
    return [name for name, value in labels.items() if value and _kind_of(name) not in known]


def tissue_table(labels: Mapping[str, int]) -> tuple[Tissue, ...]:
    """The phantom's tissues, that of cysts, and one for each organ of unknown name."""
    return (*TISSUES, CYST, *(_UNKNOWN._replace(name=name) for name in unknown_organs(labels)))


def vary_uptake(
    tissues: tuple[Tissue, ...], kinds: Mapping[int, str], population: LabelMapPopulation, rng: np.random.Generator
) -> tuple[Tissue, ...]:
    """The table of one study: some kinds of organs take up little, much, or unevenly."""
    table = {tissue.name: tissue for tissue in tissues}
    for kind in sorted(set(kinds.values())):
        fate, patchy, cold, avid = rng.random(), rng.random(), rng.uniform(0.15, 0.45), rng.uniform(2, 3)
        factor = cold if fate < population.cold_fraction else avid if fate > 1 - population.avid_fraction else 1.0
        for name in set(tissues_of(kind)) - {"heart_blood"}:  # blood is what it is everywhere
            found = table[name]
            texture = max(found.suv_texture, 0.45) if patchy < population.patchy_fraction else found.suv_texture
            table[name] = found._replace(suv=found.suv * factor, suv_texture=texture)
    return tuple(table.values())


def tissues_of(kind: str) -> tuple[str, ...]:
    """Names of the tissues that a kind of organ is made of, the main one first."""
    return PARTS.get(kind, (kind,))
