"""Clicks of autoPET IV, in its own JSON and in Grand Challenge's: voxels (x, y, z) of the image's file.

    {"tumor": [[x, y, z], ...], "background": [[x, y, z], ...]}
    {"version": {...}, "type": "Multiple points", "points": [{"point": [x, y, z], "name": "tumor"}, ...]}

Sources: https://github.com/Zrrr1997/AutoPET_IV_Interactive (both forms of the same clicks; autoPET V writes strokes of a scribble
as runs of points in the second one).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt, entry, point
from nnunetv2_muduo.prompting.space import ImageSpace

POSITIVE_OF = {"tumor": True, "background": False}


def autopet_prompts(content: dict[str, Any], path: Path, space: ImageSpace) -> Iterator[FilePrompt]:
    """Clicks of one object. Raises ValueError that names the click."""
    for name, positive in POSITIVE_OF.items():
        if name in content:
            for number, place in enumerate(entry(content, name, list, path)):
                yield point(place, positive, f"{path}: {name}[{number}]", space)


def grand_challenge_prompts(content: dict[str, Any], path: Path, space: ImageSpace) -> Iterator[FilePrompt]:
    """Clicks of one object. Raises ValueError that names the click."""
    for number, one in enumerate(entry(content, "points", list, path)):
        place = f"points[{number}]"
        name = entry(one, "name", str, path, place)
        if name not in POSITIVE_OF:
            raise ValueError(f"{path}: {place}.name must be {' or '.join(POSITIVE_OF)}, found {name[:80]!r}.")
        yield point(entry(one, "point", list, path, place), POSITIVE_OF[name], f"{path}: {place}", space)
