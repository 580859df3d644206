"""Module in which nnU-Net's class finder meets our trainers.

The finder imports every module in its folders and asks it for the wanted class with `hasattr`. This module answers for every
name in `nnunetv2_muduo.trainers.__all__`, and imports nothing unless one of these is asked for, so that nothing of ours can
break the search for another's trainer.
The classes live in `nnunetv2_muduo.trainers`: there they stay importable by name, so they pickle, also after the finder has
dropped this module again, as it does with folders from `nnUNet_extTrainer`.
"""

import ast
import importlib
import importlib.util
from functools import cache
from pathlib import Path


def __getattr__(name: str):
    if name in names_of_trainers():
        return getattr(importlib.import_module("nnunetv2_muduo.trainers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def names_of_trainers() -> tuple[str, ...]:
    """`__all__` of nnunetv2_muduo.trainers, read from its source: importing it takes seconds and may fail."""
    package = Path(importlib.util.find_spec("nnunetv2_muduo").origin).parent
    for statement in ast.parse((package / "trainers" / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "__all__":
            return tuple(ast.literal_eval(statement.value))
    raise RuntimeError("nnunetv2_muduo.trainers has no __all__.")
