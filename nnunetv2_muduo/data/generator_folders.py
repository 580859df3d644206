"""Folders of prompt generators among nnU-Net's results: one for each identity, so that none is in another's way.

A generator that `muduo prepare` trains lies in `TRAINER-IDENTITY__PLANS__CONFIGURATION/fold_X`, a name that nnU-Net takes apart
as it does its own. One that `nnUNetv2_train` or a version before 0.2 has trained, in nnU-Net's folder without identity, is
found where its identity is the one that is looked for.
"""

from pathlib import Path
from typing import Any

from nnunetv2_muduo import storage
from nnunetv2_muduo.checkpoints import FINAL, resumable
from nnunetv2_muduo.data.generator_identity import stored_state, why_not

FINE_TUNER, FINE_TUNED_SAM = "nnUNetTrainerCFR_FineTuning", "fine_tuned_sam.safetensors"
"""What stands in a trainer's place in the name of the folder of a SAM that a training has fine-tuned, and its file."""
_N_DIGITS = 8


def generator_folder(stock_folder: Path, identity: dict[str, Any]) -> Path:
    """Where the generator of an identity lies, or will lie.

    Args:
        stock_folder: nnU-Net's results folder of the generator's trainer and fold.
    """
    own = folder_by_identity(stock_folder, identity)
    if not (own / FINAL).is_file() and any(_is_made_from(file, identity) for file in resumable(stock_folder)):
        return stock_folder
    return own


def folder_by_identity(stock_folder: Path, identity: dict[str, Any]) -> Path:
    """Folder that an identity names."""
    trainer, _, rest = stock_folder.parent.name.partition("__")
    name = f"{trainer}-{storage.digest(identity)[:_N_DIGITS]}__{rest}"
    return stock_folder.parent.with_name(name) / stock_folder.name


def all_generator_folders(stock_folder: Path) -> list[Path]:
    """Folders of all generators of a trainer, plans, configuration and fold, whatever they were made from."""
    trainer, _, rest = stock_folder.parent.name.partition("__")
    others = stock_folder.parent.parent.glob(f"{trainer}-*__{rest}/{stock_folder.name}")
    return [folder for folder in (stock_folder, *sorted(others)) if folder.is_dir()]


def why_none(stock_folder: Path, identity: dict[str, Any]) -> str | None:
    """Why a generator of an identity has to be trained, None where it is there. Of others, the newest tells what differs."""
    if _is_made_from(generator_folder(stock_folder, identity) / FINAL, identity):
        return None
    finished = [file for folder in all_generator_folders(stock_folder) if (file := folder / FINAL).is_file()]
    newest = max(finished, key=lambda file: file.stat().st_mtime, default=None)
    return why_not(stored_state(newest).get("generator") if newest else None, identity)


def _is_made_from(checkpoint: Path, identity: dict[str, Any]) -> bool:
    return why_not(stored_state(checkpoint).get("generator"), identity) is None
