"""Label maps made of masks that have names: segments of a DICOM segmentation, ROIs of an RTSTRUCT."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.conversion.label_names import same_name
from nnunetv2_muduo.conversion.named_labels import WantedLabel
from nnunetv2_muduo.imageio.refusal import CaseRefused

NAMES_KEY = "muduo_label_names"
"""Meta data of a label map whose values mean something in this case alone: {"value": name} as JSON."""
REMARKS_KEY = "muduo_label_remarks"
"""Meta data: what the report should say of a label map, a list as JSON."""


def choose_masks(names: Mapping[int, str], wanted: Sequence[WantedLabel]) -> dict[int, str]:
    """{number: name} of the masks to take, in the order in which they are painted.

    Args:
        names: of all masks, by their number.
        wanted: labels to take, whose names the masks then get; none: all. The later one lies on top.

    Returns {} where none of the masks is wanted. A mask named background is none.
    """
    masks = {number: name for number, name in names.items() if same_name(name) != "background"}
    if not wanted:
        return {number: " ".join(name.split()) for number, name in masks.items()}
    chosen: dict[int, str] = {}
    for label in wanted:
        meant = [number for number, name in masks.items() if number not in chosen and label.means(name)]
        chosen |= dict.fromkeys(meant, label.name)
    return chosen


class LabelVolume:
    """A label map [z, y, x] under construction.

    Args:
        names: what values mean.
        may_overlap: whether a mask hides what lies below it; if not, masks that overlap are refused.
    """

    def __init__(self, shape: tuple[int, int, int], names: Mapping[int, str], may_overlap: bool):
        self.values = np.zeros(shape, np.uint16 if max(names, default=0) > 255 else np.uint8)
        self.names = dict(names)
        self.may_overlap = may_overlap
        self.remarks: list[str] = []

    def add(self, mask: np.ndarray, value: int, part: slice | int = slice(None)) -> None:
        """Give voxels of the volume, or of one of its slices, a value. Raises CaseRefused that names masks that overlap."""
        values = self.values[part]
        hidden = mask & (values != 0) & (values != value)
        if hidden.any():
            below = int(values[hidden][0])
            self._note_overlap(self.names[below], self.names[value], mask.sum() > (values == below).sum())
        values[mask] = value

    def _note_overlap(self, below: str, above: str, is_larger: bool) -> None:
        if not self.may_overlap:
            larger, smaller = (above, below) if is_larger else (below, above)
            raise CaseRefused(
                f"{larger!r} and {smaller!r} overlap, which a label map can't hold. Put a labels.json into the source's folder "
                f'that names the labels to take, {{"background": 0, "{smaller}": 1}}, or all of them in the order in which '
                f'they lie on each other, {{"background": 0, "{larger}": 1, "{smaller}": 2}}'
            )
        remark = f"{above!r} lies on top of {below!r}"
        if remark not in self.remarks:
            self.remarks.append(remark)

    def image(self) -> sitk.Image:
        """The label map, which knows its names; without geometry."""
        image = sitk.GetImageFromArray(self.values)
        image.SetMetaData(NAMES_KEY, json.dumps({str(value): name for value, name in self.names.items()}))
        image.SetMetaData(REMARKS_KEY, json.dumps(self.remarks))
        return image


def name_findings(label: sitk.Image) -> dict:
    """What a label map says about its values: {"label_names": {value: name}, "label_remarks": [text]}, {} if nothing."""
    if not label.HasMetaDataKey(NAMES_KEY):
        return {}
    findings = {"label_names": json.loads(label.GetMetaData(NAMES_KEY))}
    remarks = json.loads(label.GetMetaData(REMARKS_KEY))
    return findings | ({"label_remarks": remarks} if remarks else {})
