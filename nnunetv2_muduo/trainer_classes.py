"""Trainers by their names, as nnU-Net's commands find them."""

import io
from contextlib import redirect_stdout


def trainer_class(name: str) -> type:
    """Class of a trainer, nnU-Net's, ours or a user's. Raises RuntimeError, as nnU-Net does, where there is none."""
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    with redirect_stdout(io.StringIO()):  # nnU-Net tells of every folder it looks into
        return recursive_find_trainer_class_by_name(name)
