"""A real CT with organ labels, under the names that the package's teachers know."""

import json
from pathlib import Path

from nnunetv2_muduo.teacher_training.sources import LabeledScan
from nnunetv2_muduo.teacher_training.volumes import Volume, cached_volume

ORGANS = (
    *("spleen", "liver", "stomach", "aorta", "kidney_left", "kidney_right", "urinary_bladder", "heart"),
    *("lung_lower_lobe_left", "lung_lower_lobe_right", "lung_middle_lobe_right"),
)


def real_ct_volumes(folder: Path, spacing_mm: tuple[float, float], cache: Path) -> list[Volume]:
    """The CT of a folder with `ct.nii.gz`, `organs.nii.gz` and `labels.json`, at both ends of a range of voxel sizes."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    organs = {int(value): name for name, value in labels.items() if name in ORGANS}
    scans = [
        (LabeledScan(f"real_{size:g}", "real", folder / "ct.nii.gz", folder / "organs.nii.gz", organs), size)
        for size in dict.fromkeys(spacing_mm)
    ]
    return [cached_volume(scan, "ct", size, cache) for scan, size in scans]
