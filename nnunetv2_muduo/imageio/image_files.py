"""Images of a folder in nnU-Net's raw format: which file is which channel of which case."""

import re
from collections.abc import Iterable
from pathlib import Path

_OF_MACOS = ("._", ".DS_Store", "__MACOSX")


def is_of_macos(name: str) -> bool:
    """True for the files and folders that macOS and its archives put beside others; their content is no data."""
    return name.startswith(_OF_MACOS)


def files_of_cases(folder: Path, file_ending: str) -> tuple[dict[str, list[Path]], list[Path]]:
    """({case: its files, by channel}, files that nnU-Net would take for none or another case), sorted by name.

    Args:
        file_ending: as in dataset.json, such as .nii.gz; other files, and what macOS leaves, are no images. Endings in another
            case (.NII.GZ) are, but nnU-Net doesn't see them.
    """
    channel = re.compile(rf"(.+)_\d{{4}}{re.escape(file_ending)}", re.DOTALL)
    cases, odd = {}, []
    for path in sorted(folder.glob("*")):
        if is_of_macos(path.name) or not path.name.lower().endswith(file_ending.lower()):
            continue
        match = channel.fullmatch(path.name)
        if match:
            cases.setdefault(match[1], []).append(path)
        else:
            odd.append(path)
    return cases, odd


def explain_names(odd: Iterable[Path], file_ending: str, channels: Iterable[str]) -> str:
    """What is wrong with the names of files that are not of nnU-Net's form."""
    names = [path.name for path in odd]
    right = " and ".join(f"CASE_{number:04d}{file_ending} ({name})" for number, name in enumerate(channels))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"no channel number before {file_ending} in the name of {', '.join(names[:5])}{more}: name files {right}"
