"""The official clicks of autoPET IV: tumor and background clicks of many cases, in a folder or an archive.

    CASE_clicks.json: {"tumor": [[x, y, z], ...], "background": [[x, y, z], ...]}

Indices are those of the case's image as it is stored. Source: https://github.com/Zrrr1997/AutoPET_IV_Interactive.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage
from nnunetv2_muduo.prompting.prompt_files.challenge_points import POSITIVE_OF
from nnunetv2_muduo.user_files import parse_user_json, read_user_text

ENDING, ARCHIVE = "_clicks.json", "clicks.zip"
MOST_BYTES = 2**20
"""Of one case, of which the official files need 400."""
MOST_INDEX = 2**31

Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class CaseClicks:
    """Voxels (x, y, z) of the image's file, in the order in which they are given."""

    tumor: list[Voxel]
    background: list[Voxel]


def read_official_clicks(source: Path) -> dict[str, CaseClicks]:
    """Clicks by the case's name.

    Args:
        source: a folder with `CASE_clicks.json`, or `clicks.zip` with them; or such an archive.

    Raises:
        FileNotFoundError: there are none. ValueError: one can't be read; it is named.
    """
    archive = source if source.is_file() else source / ARCHIVE
    texts = {path.name: (str(path), read_user_text(path)) for path in sorted(source.glob(f"*{ENDING}"))}
    if archive.is_file():
        texts |= {name: (f"{archive}: {name}", text) for name, text in _members(archive)}
    if not texts:
        raise FileNotFoundError(f"no clicks in {source}: expected NAME{ENDING}, or {ARCHIVE} with such files")
    return {name.removesuffix(ENDING): _clicks(text, where) for name, (where, text) in texts.items()}


def _members(archive: Path) -> Iterator[tuple[str, str]]:
    """Names without folders, and texts."""
    with refusing_damage(str(archive)), zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if not info.filename.endswith(ENDING):
                continue
            with opened.open(info) as member:
                content = member.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise CaseRefused(f"{archive}: {info.filename} has more than {MOST_BYTES} bytes, which no clicks need.")
            yield Path(info.filename).name, content.decode()


def _clicks(text: str, where: str) -> CaseClicks:
    content = parse_user_json(text, where)
    sides = {}
    for kind in POSITIVE_OF:
        if not isinstance(content, dict) or not isinstance(content.get(kind), list):
            raise ValueError(f"{where} has no list of {kind!r} clicks. Correct the file.")
        sides[kind] = [_voxel(entry, f"{kind}[{number}]", where) for number, entry in enumerate(content[kind])]
    return CaseClicks(**sides)


def _voxel(entry: Any, key: str, where: str) -> Voxel:
    is_voxel = (
        isinstance(entry, list) and len(entry) == 3 and all(type(i) is int and 0 <= i < MOST_INDEX for i in entry)
    )
    if not is_voxel:
        raise ValueError(f"{where}: {key} must be three whole numbers [x, y, z] from 0 on, found {str(entry)[:60]}.")
    return tuple(entry)
