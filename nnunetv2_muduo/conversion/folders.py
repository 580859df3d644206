"""Walk through the folders of a source: each folder once, and without what macOS leaves there."""

import os
from collections.abc import Iterator
from pathlib import Path

from nnunetv2_muduo.imageio.image_files import is_of_macos


def walk(source: Path) -> Iterator[tuple[Path, list[Path]]]:
    """(folder, its files) for every folder below `source` and itself, sorted by name.

    Links to folders are followed, but no folder is visited twice: one that lies in the source is visited under its own name
    alone, and a link that leads back up is passed over.
    """
    visited: set[Path] = set()
    root = source.resolve()
    for folder, folder_names, file_names in os.walk(source, followlinks=True):
        place = Path(folder).resolve()
        is_elsewhere_too = place in visited or (
            place != root and root in place.parents and _is_behind_link(folder, source)
        )
        if is_elsewhere_too or place in root.parents:
            folder_names.clear()
            continue
        visited.add(place)
        folder_names[:] = sorted(name for name in folder_names if not is_of_macos(name))
        yield Path(folder), [Path(folder, name) for name in sorted(file_names) if not is_of_macos(name)]


def _is_behind_link(folder: str, source: Path) -> bool:
    path = Path(folder)
    return any(p.is_symlink() for p in (path, *path.parents) if p != source and source in p.parents)
