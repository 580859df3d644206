"""Former name of `nnunetv2_muduo.conversion` (until 0.1.0): old imports work in this version, with a line of warning."""

import importlib
import sys
import warnings

_NOW = {  # former module: present one
    **{name: f"nnunetv2_muduo.conversion.{name}" for name in (
        "cases", "check", "convert", "dataset", "dicom", "dicom_seg", "dicom_tree", "label_maps", "label_names", "layouts",
        "pool", "record", "report", "split", "suv", "write",
    )},
    "command": "nnunetv2_muduo.cli.convert",
    "geometry": "nnunetv2_muduo.imageio.grid",
    "sources": "nnunetv2_muduo.imageio.nifti",
    "Dataset705_AutoPETOrgan": "nnunetv2_muduo.conversion.sources",
    "Dataset706_AutoPETTumor": "nnunetv2_muduo.conversion.sources",
    "Dataset707_OwnDicomPETCT": "nnunetv2_muduo.conversion.sources",
}  # fmt: skip

warnings.warn(
    "nnunetv2_muduo.dataset_conversion is now nnunetv2_muduo.conversion; the old name will go with the next version.",
    FutureWarning,
    stacklevel=2,
)
for _former, _present in _NOW.items():
    sys.modules[f"{__name__}.{_former}"] = importlib.import_module(_present)
    globals()[_former] = sys.modules[_present]
