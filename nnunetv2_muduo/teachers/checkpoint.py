"""Checkpoint files, read without running any code from them.

Layout, as of SAM-Med3D's files: weights under `model_state_dict` or bare, and for networks that are not the public
`vit_b_ori` their architecture under `sam3d_config`. In `.safetensors` files the architecture is JSON in the metadata.
"""

import argparse
import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig

CONFIG_KEY = "sam3d_config"
WEIGHTS_KEY = "model_state_dict"
MODALITY_KEY = "modality"
_ABOUT = (CONFIG_KEY, MODALITY_KEY)
ADMITTED_CLASSES = [argparse.Namespace]  # the public training scripts store their arguments

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class TeacherFile:
    """Weights by name, without wrappers' prefixes; architecture and modality ("ct" or "pet") where the file says them."""

    state: State
    config: Sam3DConfig | None
    modality: str | None


def read_teacher_file(path: Path) -> TeacherFile:
    """A file of weights.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, of another kind, or in need of classes that are not admitted.
    """
    if not path.is_file():
        raise FileNotFoundError(f"teacher weights {path}: no such file")
    weights, about = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    modality = about.get(MODALITY_KEY)
    if modality not in (None, "ct", "pet"):
        raise ValueError(f"teacher weights {path} are said to be for {modality!r}: expected ct or pet")
    return TeacherFile(
        state={_without_wrappers(name): tensor for name, tensor in weights.items()},
        config=_architecture(path, about.get(CONFIG_KEY)),
        modality=modality,
    )


def write_teacher_file(path: Path, content: TeacherFile) -> None:
    """Write what `read_teacher_file` reads; the format follows the file's ending."""
    about = {CONFIG_KEY: asdict(content.config)}
    if content.modality is not None:
        about[MODALITY_KEY] = content.modality
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(content.state, path, metadata={key: json.dumps(value) for key, value in about.items()})
    else:
        torch.save({WEIGHTS_KEY: content.state, **about}, path)


def _architecture(path: Path, sizes: object) -> Sam3DConfig | None:
    try:
        return None if sizes is None else Sam3DConfig.from_dict(sizes)
    except (ValueError, TypeError) as error:
        raise ValueError(f"teacher weights {path}: {error}") from error


def _read_safetensors(path: Path) -> tuple[State, dict]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
        about = {key: json.loads(metadata[key]) for key in _ABOUT if key in metadata}
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return weights, about


def _read_pickle(path: Path) -> tuple[State, dict]:
    with torch.serialization.safe_globals(ADMITTED_CLASSES):
        try:
            refused = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            content = None if refused else torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            detail = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()[0]
            raise ValueError(_refusal(path, f"operations that a safe loader does not know ({detail})")) from error
        except Exception as error:  # files of other kinds bring the unpickler to errors of every kind
            raise _damaged(path, error) from error
    if refused:
        raise ValueError(_refusal(path, f"classes that could run code ({', '.join(sorted(refused))})"))
    return _unwrap(path, content)


def _unwrap(path: Path, content: object) -> tuple[State, dict]:
    weights = content.get(WEIGHTS_KEY, content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not weights or not all(map(_is_weight, weights.items())):
        found = sorted(map(str, content))[:10] if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"teacher weights {path}: expected '{WEIGHTS_KEY}' or a plain dictionary of tensors, found {found}; "
            "is this the checkpoint of another program?"
        )
    return weights, {key: content[key] for key in _ABOUT if key in content}


def _is_weight(item: tuple[object, object]) -> bool:
    name, tensor = item
    return isinstance(name, str) and isinstance(tensor, torch.Tensor)


def _without_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in ("module", "_orig_mod"))


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ValueError(
        f"teacher weights {path} ({path.stat().st_size} bytes) can't be read: {reason}. "
        "The file is truncated or no checkpoint; download it again and compare its size and sha256 with the source"
    )


def _refusal(path: Path, needs: str) -> str:
    return (
        f"teacher weights {path} need {needs} and are refused. "
        "If you trust the file's source, write its weights alone to a new file, once:\n"
        f"    python -c \"import torch; c = torch.load('{path}', weights_only=False, map_location='cpu'); "
        f"torch.save(c['{WEIGHTS_KEY}'], 'weights_only.pth')\""
    )
