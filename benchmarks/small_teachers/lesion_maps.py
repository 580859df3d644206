"""Label maps with lesions at the places of autoPET IV's official clicks: where tumors of real patients were.

They say where a lesion is, not its shape: shapes are drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.imageio.nifti import nifti_stem
from nnunetv2_muduo.prompting.official_clicks import CaseClicks

LESION = "lesion"
HALF_AXES_MM, STRETCH = (6.0, 22.0), (0.7, 1.4)


def write_lesion_maps(
    label_files: Sequence[Path], clicks: Mapping[str, CaseClicks], value: int, seed: int, out: Path
) -> list[Path]:
    """The label maps with lesions of a value, under their names in `out`; what is there already is kept.

    clicks: by the label map's name without ending.
    """
    out.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(label_files):
        if not (out / path.name).is_file():
            image = sitk.ReadImage(str(path), sitk.sitkUInt8)
            here = clicks[stem].tumor if (stem := nifti_stem(path.name)) in clicks else []
            rng = np.random.default_rng([seed, index])
            changed = sitk.GetImageFromArray(
                with_lesions(sitk.GetArrayFromImage(image), image.GetSpacing(), here, value, rng)
            )
            changed.CopyInformation(image)
            sitk.WriteImage(changed, str(out / path.name), useCompression=True)
    return [out / path.name for path in label_files]


def with_lesions(
    labels_zyx: np.ndarray,
    spacing_xyz_mm: Sequence[float],
    places_xyz: Sequence[tuple[int, int, int]],
    value: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """A label map in which an ellipsoid of random size lies around every place that isn't in another one already."""
    changed, spacing_zyx = labels_zyx.copy(), np.array(spacing_xyz_mm)[::-1]
    for place in places_xyz:
        center = np.array(place)[::-1]
        half_mm = rng.uniform(*HALF_AXES_MM) * rng.uniform(*STRETCH, 3)
        if changed[tuple(center)] == value:
            continue
        reach = np.ceil(half_mm / spacing_zyx).astype(int)
        start, stop = np.maximum(center - reach, 0), np.minimum(center + reach + 1, labels_zyx.shape)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        axes = np.ogrid[box]
        squares = [((axis - c) * s / h) ** 2 for axis, c, s, h in zip(axes, center, spacing_zyx, half_mm, strict=True)]
        changed[box][sum(squares) <= 1] = value
    return changed


def labels_with_lesions(labels: Mapping[str, int]) -> dict[str, int]:
    """The values of a label map, and the next one for lesions."""
    return {**labels, LESION: max(labels.values()) + 1}
