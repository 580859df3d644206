"""Any prompt file: its format is known by ending and, for JSON, by its keys."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from nnunetv2_muduo.prompting.prompt_files.challenge_points import autopet_prompts, grand_challenge_prompts
from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt
from nnunetv2_muduo.prompting.prompt_files.interactive_npz import read_npz
from nnunetv2_muduo.prompting.prompt_files.label_masks import MASK_ENDINGS, read_mask
from nnunetv2_muduo.prompting.prompt_files.slicer_markups import markups_prompts, read_fcsv
from nnunetv2_muduo.prompting.session_file import FORMAT, read_session
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.user_files import read_user_json

MOST_PROMPTS = 10_000
"""Of a file; the longest of autoPET V's scribbles have some hundreds of points."""
ENDINGS = (".json", ".fcsv", ".npz", *MASK_ENDINGS)


def read_prompts(path: Path, space: ImageSpace) -> list[FilePrompt]:
    """Prompts of a file for the image that lies in `space`: autoPET IV and Grand Challenge JSON, Slicer's .mrk.json and .fcsv,
    CVPR 2025's .npz, masks, and sessions of this package.

    Raises:
        FileNotFoundError, ValueError: no such file, no format that is known, or a wrong entry; file and key or line are named.
    """
    name = path.name.lower()
    readers: dict[str, Callable[[Path, ImageSpace], Iterable[FilePrompt]]] = {
        ".json": _read_json,
        ".fcsv": lambda path, _: read_fcsv(path),
        ".npz": read_npz,
        **dict.fromkeys(MASK_ENDINGS, read_mask),
    }
    reader = next((one for ending, one in readers.items() if name.endswith(ending)), None)
    if reader is None:
        raise ValueError(f"{path} is no prompt file: its name ends in none of {', '.join(ENDINGS)}.")
    prompts = list(islice(reader(path, space), MOST_PROMPTS + 1))
    if len(prompts) > MOST_PROMPTS:
        raise ValueError(f"{path} has more than {MOST_PROMPTS} prompts.")
    return prompts


def _read_json(path: Path, space: ImageSpace) -> Iterable[FilePrompt]:
    content = read_user_json(path)
    if "markups" in content:
        return markups_prompts(content, path, space)
    if "points" in content:
        return grand_challenge_prompts(content, path, space)
    if content.get("format") == FORMAT:
        return _session_prompts(path, space)
    if _is_autopet(content):
        return autopet_prompts(content, path, space)
    raise ValueError(
        f"{path} is no prompt file: it has neither 'tumor' and 'background' (autoPET IV), nor 'points' (Grand Challenge), "
        f"'markups' (3D Slicer) or the 'format' {FORMAT!r} (a session)."
    )


def _is_autopet(content: dict[str, Any]) -> bool:
    return "tumor" in content or "background" in content


def _session_prompts(path: Path, space: ImageSpace) -> list[FilePrompt]:
    return [
        FilePrompt(one.kind, one.positive, one.places_mm, f"{path}: prompts[{number}]", str(one.object_id), one.mask)
        for number, one in enumerate(read_session(path, space))
    ]
