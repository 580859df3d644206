"""Paths in what is handed to others: they name people and machines, so that their last part alone is left."""

import re
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

_BEHIND = r"""(?<![\w.:/\\])"""
"""What a path within a sentence doesn't stand behind; a slash there belongs to an address or to words such as and/or."""
_PART = r"""[^\s/\\:;,"'<>|()]+"""
_WITHIN_TEXT = re.compile(
    rf"{_BEHIND}(?:file://)?(?:~{_PART}|~)?(?:/{_PART}){{2,}}/?"  # /a/b, ~/a/b, ~name/a/b
    rf"|{_BEHIND}~/{_PART}/?"  # ~/a
    rf"|{_BEHIND}(?:[A-Za-z]:[\\/]|\\\\){_PART}(?:[\\/]{_PART})*[\\/]?"  # C:\a\b, \\host\a
)


def without_paths(content: Any) -> Any:
    """Content of a JSON or YAML file in which the last part stands for every path that leads from the root or a home folder."""
    if isinstance(content, dict):
        return {without_paths(key): without_paths(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(map(without_paths, content))
    if isinstance(content, PurePath):
        return without_paths(str(content))
    return _text_without_paths(content) if isinstance(content, str) else content


def _text_without_paths(text: str) -> str:
    if "\n" not in text and (PurePosixPath(text).is_absolute() or text.startswith("~/") or _is_of_windows(text)):
        return _last_part(text)  # a path by itself may have blanks
    return _WITHIN_TEXT.sub(lambda found: _last_part(found[0]), text)


def _is_of_windows(text: str) -> bool:
    return PureWindowsPath(text).is_absolute() or text.startswith("\\\\")


def _last_part(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]
