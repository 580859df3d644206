"""Semi-supervised PET/CT segmentation in nnU-Net v2: one student, two promptable foundation models as teachers."""

import importlib
import warnings

from nnunetv2_muduo.nnunet_place import what_is_wrong

__version__ = "0.2.0.dev0"

# The stable Python surface, documented in docs/python.md. Each name is imported when it is first asked for (PEP 562): importing
# the package costs nothing, and a prediction never loads what a teacher needs.
_MODULE_OF = {  # public name: module that holds it
    "MuDuoConfig": "nnunetv2_muduo.config",
    "load_config": "nnunetv2_muduo.config",
    "read_image": "nnunetv2_muduo.imageio.images",
    "load_teacher": "nnunetv2_muduo.teachers.weights",
    "normalize_ct": "nnunetv2_muduo.teachers.patch_space",
    "normalize_pet": "nnunetv2_muduo.teachers.patch_space",
    "measure_labels": "nnunetv2_muduo.evaluation.organs",
    "PromptSession": "nnunetv2_muduo.prompting.session",
    "write_cohort": "nnunetv2_muduo.phantom.cohort",
}

__all__ = list(_MODULE_OF)

if _wrong := what_is_wrong():
    warnings.warn(_wrong, RuntimeWarning, stacklevel=2)


def __getattr__(name: str):
    if name == "load_config":
        importlib.import_module("nnunetv2_muduo.trainers")  # a config file may hold fields of all their methods
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
