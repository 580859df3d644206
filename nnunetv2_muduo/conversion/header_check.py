"""What every PET series must be to become SUV: one header for all slices, attenuation corrected, true rescaling."""

import math

import numpy as np

from nnunetv2_muduo.conversion.dicom_tags import required_numbers, tag_name
from nnunetv2_muduo.conversion.radiopharmaceutical import described
from nnunetv2_muduo.imageio.refusal import CaseRefused

OF_THE_SERIES = ("Units", "SUVType", "DecayCorrection", "PatientWeight", "PatientSize", "PatientSex", "Manufacturer")
"""Tags that are the same on all slices, because they are the patient's or the series'."""


SLICE_FACTOR = 10
"""Activity of one slice over that of both its neighbors, or the reverse; real slices differ by a factor of 1.4 at most."""


def require_usable_headers(slices: list) -> None:
    """Raises CaseRefused where slices differ in what is the series', aren't attenuation corrected, or can't be rescaled."""
    for keyword in OF_THE_SERIES:
        _require_one({str(dataset.get(keyword, "")) for dataset in slices}, tag_name(keyword))
    items = {tuple(map(described, _items(dataset))) for dataset in slices}
    _require_one(items, "RadiopharmaceuticalInformationSequence (0054,0016)")
    for dataset in slices:
        _require_attenuation_correction(dataset)
        _require_rescaling(dataset)


def _items(dataset):
    return dataset.get("RadiopharmaceuticalInformationSequence") or []


def _require_one(values: set, name: str) -> None:
    if len(values) > 1:
        listed = ", ".join(sorted(map(str, values))[:3])
        raise CaseRefused(f"slices of one series that differ in {name}: {listed}")


def _require_attenuation_correction(dataset) -> None:
    corrected = dataset.get("CorrectedImage")
    if corrected and "ATTN" not in corrected:
        raise CaseRefused("not attenuation corrected (CorrectedImage (0028,0051) lacks ATTN), so no SUV")
    method = str(dataset.get("AttenuationCorrectionMethod") or "").strip().upper()
    if method == "NONE":
        raise CaseRefused("not attenuation corrected (AttenuationCorrectionMethod (0054,1101) is NONE), so no SUV")


def _require_rescaling(dataset) -> None:
    if "RescaleSlope" in dataset:
        slope = required_numbers(dataset, "RescaleSlope")[0]
        if not 0 < slope < math.inf:
            raise CaseRefused(f"RescaleSlope (0028,1053) is {slope:g}, a number above 0 expected")
    if "RescaleIntercept" in dataset:
        intercept = required_numbers(dataset, "RescaleIntercept")[0]
        if not math.isfinite(intercept):
            raise CaseRefused(f"RescaleIntercept (0028,1052) is {intercept:g}, a number expected")


def require_true_slopes(activity_zyx: np.ndarray) -> None:
    """Raises CaseRefused where one slice (z) holds many times more or less than both its neighbors: its slope is wrong."""
    totals = activity_zyx.sum(axis=(1, 2), dtype=np.float64)
    before, inner, after = totals[:-2], totals[1:-1], totals[2:]
    known = (before > 0) & (inner > 0) & (after > 0)
    more = inner > SLICE_FACTOR * np.maximum(before, after)
    less = SLICE_FACTOR * inner < np.minimum(before, after)
    if (known & (more | less)).any():
        number = 2 + int((known & (more | less)).argmax())
        raise CaseRefused(
            f"slice {number} of {len(totals)} holds over {SLICE_FACTOR} times more or less activity than both its neighbors: "
            "RescaleSlope (0028,1053)"
        )
