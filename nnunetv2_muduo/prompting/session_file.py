"""A session as one JSON: where its image lies, and all prompts, which replay to the same voxels.

    {"format": "muduo-session", "version": 1,
     "image": {"size": [...], "spacing_mm": [...], "origin_mm": [...], "direction": [...]},      turned to LPS
     "prompts": [{"kind": "point", "object": 1, "positive": true, "places_mm": [[x, y, z]]}, ...],
     "changed_by_rule": {"1": [voxels changed, voxels of the mask]}}

A mask is {"packed": "..."}: its voxels in the order (z, y, x), eight to a byte, compressed by zlib, in Base64.
"""

import base64
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2_muduo.prompting.prompts import KINDS, Prompt, places_array
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.user_files import read_user_json

if TYPE_CHECKING:
    from nnunetv2_muduo.prompting.session import PromptSession

FORMAT, VERSION = "muduo-session", 1


def write_session(session: "PromptSession", path: Path) -> None:
    """Write a session's prompts. Raises OSError where the place can't be written."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "image": _geometry(session.space),
        "prompts": [_entry(prompt) for prompt in session.prompts],
        "changed_by_rule": {str(key): list(counts) for key, counts in session.changed_by_rule.items()},
    }
    write_json(content, path)


def read_session(path: Path, space: ImageSpace) -> list[Prompt]:
    """Prompts of a saved session for the image that lies in `space`.

    Raises:
        FileNotFoundError, ValueError: no such file, another format, a wrong entry (its number is named), or another image.
    """
    content = read_user_json(path, {"format": str, "image": dict, "prompts": list})
    if content["format"] != FORMAT or content.get("version") != VERSION:
        raise ValueError(f"{path} is no session of this version: 'format' must be {FORMAT!r}, 'version' {VERSION}.")
    _require_same_image(content["image"], space, path)
    prompts = []
    for number, entry in enumerate(content["prompts"]):
        try:
            prompts.append(_prompt(entry, space))
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise ValueError(f"{path}: prompts[{number}] can't be used ({error}).") from error
    return prompts


def _geometry(space: ImageSpace) -> dict[str, Any]:
    grid = space.grid
    return {
        "size": list(grid.size),
        "spacing_mm": list(grid.spacing_mm),
        "origin_mm": list(grid.origin_mm),
        "direction": list(grid.direction),
    }


def _require_same_image(geometry: dict[str, Any], space: ImageSpace, path: Path) -> None:
    for key, ours in _geometry(space).items():
        try:
            is_same = np.allclose(np.asarray(geometry.get(key), float), ours, rtol=1e-4, atol=1e-3)
        except (TypeError, ValueError):
            is_same = False
        if not is_same:
            raise ValueError(
                f"{path} is a session on another image: its {key} is {geometry.get(key)}, here it is {ours}."
            )


def _entry(prompt: Prompt) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": prompt.kind, "object": prompt.object_id, "positive": prompt.positive}
    if prompt.mask is None:
        return entry | {"places_mm": prompt.places_mm.tolist()}
    return entry | {"packed": base64.b64encode(zlib.compress(np.packbits(prompt.mask).tobytes())).decode()}


def _prompt(entry: dict[str, Any], space: ImageSpace) -> Prompt:
    kind, object_id, positive = entry["kind"], entry["object"], entry["positive"]
    if kind not in KINDS or not isinstance(positive, bool):
        raise ValueError(f"'kind' must be one of {', '.join(KINDS)}, and 'positive' true or false")
    if type(object_id) is not int or not 1 <= object_id <= 255:
        raise ValueError("'object' must be a whole number from 1 to 255")
    if kind == "mask":
        return Prompt(kind, object_id, positive, np.empty((0, 3)), _unpacked(entry["packed"], space.shape_zyx))
    return Prompt(kind, object_id, positive, places_array(entry["places_mm"]))


def _unpacked(packed: str, shape: tuple[int, ...]) -> np.ndarray:
    """The mask; never more bytes than it has are unpacked."""
    n_voxels = int(np.prod(shape))
    n_bytes = -(-n_voxels // 8)
    content = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), n_bytes + 1)
    if len(content) != n_bytes:
        raise ValueError(f"'packed' must hold {n_bytes} bytes")
    return np.unpackbits(np.frombuffer(content, np.uint8), count=n_voxels).reshape(shape).astype(bool)
