"""Where nnU-Net's class finder meets our trainers.

The finder imports every module in its folders and asks it for the wanted class with `hasattr`. This module answers without
importing anything unless one of our own trainers is asked for, so that nothing of ours can break the search for another's.
The classes live in `nnunetv2_muduo.trainers`: there they stay importable by name, so they pickle, also after the finder has
dropped this module again, as it does with folders from `nnUNet_extTrainer`.
"""

import importlib


def __getattr__(name: str):
    if name.startswith("nnUNetTrainerMuDuo"):
        return getattr(importlib.import_module("nnunetv2_muduo.trainers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
