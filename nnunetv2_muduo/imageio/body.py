"""The body that a PET and its CT show together: how heavy it is by the CT, and how much of the tracer the PET shows in it."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_muduo.imageio.modalities import BODY_ABOVE_HU

TISSUE_ABOVE_HU = -950
"""Lungs and what is denser; only air, or a place where the CT was not taken, is less."""


@dataclass(frozen=True)
class BodyUptake:
    """Mass and uptake of the part of a body that lies in the image. SUV is in g/ml, so SUV times volume is a mass."""

    body_kg: float
    """Volume of the body by the CT, at 1 g/ml; lungs are left out."""
    mean_suv: float
    median_suv: float
    """Mean and median over the body."""
    tenth_suv: float
    """What a tenth of the body is below: fat and muscle, wherever the image lies."""
    suv_kg: float
    """Sum of SUV times volume over the whole image: over the patient's weight it is the share of the dose that is seen."""
    air: float
    """Share of the image where the CT shows no tissue."""
    on_tissue: float
    """Share of the activity that lies where the CT shows tissue."""
    likeness: float
    """Correlation of PET and CT over the body: 1 for a PET that is a copy of the CT, also scaled, shifted, or clipped at 0."""

    @classmethod
    def of(cls, ct_hu: np.ndarray, pet_suv: np.ndarray, voxel_ml: float) -> "BodyUptake":
        """Measured on one grid; the CT shows at least one voxel of a body."""
        is_body = ct_hu > BODY_ABOVE_HU
        hu, suv = (values[is_body].astype(np.float64) for values in (ct_hu, pet_suv))
        tenth, median = np.percentile(suv, (10, 50))
        is_tissue = ct_hu > TISSUE_ABOVE_HU
        activity = np.maximum(pet_suv, 0, dtype=np.float64)
        total = activity.sum()
        return cls(
            body_kg=len(suv) * voxel_ml / 1000,
            mean_suv=float(suv.mean()),
            median_suv=float(median),
            tenth_suv=float(tenth),
            suv_kg=float(pet_suv.sum(dtype=np.float64)) * voxel_ml / 1000,
            air=1 - float(is_tissue.mean()),
            on_tissue=float(activity[is_tissue].sum() / total) if total else 0.0,
            likeness=max(_correlation(suv, hu), _correlation(suv, np.maximum(hu, 0))),
        )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
