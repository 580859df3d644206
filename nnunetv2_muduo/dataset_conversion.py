"""Former name of `nnunetv2_muduo.conversion` (until 0.1.0): old imports work in this version, with a line of warning."""

import importlib
import sys
import warnings

_MODULES = {  # former module: present one
    **{name: f"conversion.{name}" for name in (
        "cases", "convert", "dataset", "dicom", "dicom_seg", "dicom_tree", "label_maps", "label_names", "layouts", "record",
        "report", "split", "suv", "write",
    )},
    **{f"Dataset{name}": "conversion.sources" for name in ("705_AutoPETOrgan", "706_AutoPETTumor", "707_OwnDicomPETCT")},
    "check": "conversion.case_check",
    "command": "cli.convert",
    "geometry": "imageio.grid",
    "pool": "parallel",
    "sources": "imageio.nifti",
}  # fmt: skip
_NAMES = {  # (former module, former name): where it is now
    ("cases", "CaseRefused"): ("imageio.refusal", "CaseRefused"),
    ("check", "file_stamps"): ("conversion.case_check", "case_stamps"),
    ("suv", "required_numbers"): ("conversion.dicom_tags", "required_numbers"),
    ("pool", "map_cases"): ("parallel", "map_jobs"),
}

warnings.warn(
    "nnunetv2_muduo.dataset_conversion is now nnunetv2_muduo.conversion; the old name will go with the next version.",
    FutureWarning,
    stacklevel=2,
)
for _former, _present in _MODULES.items():
    globals()[_former] = sys.modules[f"{__name__}.{_former}"] = importlib.import_module(f"nnunetv2_muduo.{_present}")
for (_module, _former), (_place, _present) in _NAMES.items():
    setattr(globals()[_module], _former, getattr(importlib.import_module(f"nnunetv2_muduo.{_place}"), _present))
