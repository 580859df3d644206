"""Files that users write or mend by hand: what is wrong with one is said with its name and the field, not by a traceback."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnunetv2_muduo.yaml_files import parse_json, parse_yaml

DATASET_FIELDS = {"channel_names": dict, "labels": dict, "file_ending": str}
"""Kinds of the fields of nnU-Net's dataset.json that this package reads."""
LARGEST_MB = 64
"""Of a text that is read whole: a session with masks of a whole body, or clicks by the hundred thousand, has a tenth."""
_WORDS = {dict: "an object {...}", list: "a list [...]", str: "a text", int: "a whole number", float: "a number"}
_WORDS |= {bool: "true or false", type(None): "null"}


def require_file(path: Path) -> None:
    """Raise FileNotFoundError, which names it, where there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is {'a folder, not a file' if path.is_dir() else 'missing'}.")


def read_user_text(path: Path) -> str:
    """Text of a file. Raises FileNotFoundError, and ValueError where it is too large or no UTF-8; all name it."""
    require_file(path)
    if path.stat().st_size > LARGEST_MB * 10**6:
        raise ValueError(
            f"{path} has {path.stat().st_size / 1e6:.0f} MB, more than the {LARGEST_MB} MB that are read of such a file."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8: {_found(error.object, error.start)}. Save it as UTF-8."
        ) from error
    if "\0" in text:
        raise ValueError(
            f"{path} is no text in UTF-8: {_found(text.encode(), text.encode().index(0))}. Save it as UTF-8."
        )
    return text


def _found(content: bytes, at: int) -> str:
    """The byte that UTF-8 doesn't have, and the encoding that is likely."""
    encoding = "UTF-16" if b"\0" in content or content[:2] in (b"\xff\xfe", b"\xfe\xff") else "Latin-1 (Windows-1252)"
    return f"line {content.count(10, 0, at) + 1} holds the byte 0x{content[at]:02x}, as texts in {encoding} do"


def read_user_json(path: Path, fields: Mapping[str, type] | None = None, kind: type = dict) -> Any:
    """Content of a JSON file.

    Args:
        fields: fields that it must have, with their kinds.
        kind: of the content: dict or list.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, has a key twice, is of another kind, or lacks a field; the message
            names the file and the place.
    """
    content = parse_user_json(read_user_text(path), str(path))
    _require_kind(content, kind, str(path))
    for name, kind_of_field in (fields or {}).items():
        if name not in content:
            raise ValueError(f"{path} has no {name!r}, which must be {_WORDS[kind_of_field]}. Correct the file.")
        _require_kind(content[name], kind_of_field, f"{name!r} in {path}")
    return content


def parse_user_json(text: str, name: str) -> Any:
    """Content of a JSON text that messages call `name`. Raises ValueError for no JSON, and for a key that stands twice."""
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{name} is no valid JSON: {error.msg} ({place}). Correct the file.") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}. Correct the file.") from error


def read_dataset_json(path: Path, *fields: str) -> dict[str, Any]:
    """Content of nnU-Net's dataset.json, which must have these of `DATASET_FIELDS`. Raises as `read_user_json`."""
    content = read_user_json(path, {name: DATASET_FIELDS[name] for name in fields})
    for name in fields:
        if (reason := _REASONS[name](content[name])) is not None:
            raise ValueError(f"{name!r} in {path} {reason}. Correct the file.")
    return content


def read_description(path: Path) -> dict[str, Any]:
    """nnU-Net's dataset.json with all that a training reads; the channels may be called `modality`, as nnU-Net v1 did.

    Raises as `read_user_json`.
    """
    content = read_dataset_json(path, "labels", "file_ending")
    if "channel_names" in content or "modality" not in content:
        return read_dataset_json(path, *DATASET_FIELDS)
    if (reason := _why_no_channels(content["modality"])) is not None:
        raise ValueError(f"'modality' in {path} {reason}. Correct the file.")
    return content


def read_plans(path: Path) -> dict[str, Any]:
    """Content of nnU-Net's plans, whose configurations are objects. Raises as `read_user_json`."""
    plans = read_user_json(path, {"configurations": dict})
    for name, configuration in plans["configurations"].items():
        _require_kind(configuration, dict, f"configuration {name!r} in {path}")
    return plans


def read_splits(path: Path) -> list[dict[str, list[str]]]:
    """Folds of nnU-Net's splits_final.json, each with its cases of `train` and `val`. Raises as `read_user_json`."""
    splits = read_user_json(path, kind=list)
    if not splits:
        raise ValueError(f"{path} holds no fold. Remove the file to have a split drawn.")
    for number, fold in enumerate(splits):
        parts = [fold.get(part) for part in ("train", "val")] if isinstance(fold, dict) else [None]
        if not all(isinstance(part, list) and all(isinstance(case, str) for case in part) for part in parts):
            raise ValueError(
                f'{path}: fold {number} must be {{"train": [names of cases], "val": [names of cases]}}. Correct the file.'
            )
    return splits


def read_user_yaml(path: Path) -> dict[str, Any]:
    """Fields of a YAML file, none for an empty one. Raises as `read_user_json`."""
    text = read_user_text(path)
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{path} is no valid YAML: {error}. Correct the file.") from error
    content = {} if content is None else content
    _require_kind(content, dict, str(path))
    return content


def _why_no_labels(labels: dict[str, Any]) -> str | None:
    for name, value in labels.items():
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
            return f"must give every label a whole number, or a list of them; {name!r} has {json.dumps(value)}"
    return None if labels else "names no label"


def _why_no_channels(channels: Any) -> str | None:
    expected = 'must be like {"0": "CT", "1": "PET"}, numbered from 0'
    if not isinstance(channels, dict) or not all(isinstance(name, str) and name for name in channels.values()):
        return expected
    numbers = sorted(int(number) for number in channels if number.isdecimal())
    return None if channels and numbers == list(range(len(channels))) else expected


def _why_no_ending(ending: str) -> str | None:
    return (
        None if ending.startswith(".") and "/" not in ending else f'must be like ".nii.gz", found {json.dumps(ending)}'
    )


_REASONS = {"channel_names": _why_no_channels, "labels": _why_no_labels, "file_ending": _why_no_ending}
"""Why a field of dataset.json has a value that it can't have, None where it can."""


@contextmanager
def expecting_fields(path: Path) -> Iterator[None]:
    """For the lines that pick values from a file's content: a ValueError that names the file where it has another shape."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} has another shape than expected ({type(error).__name__}: {error}). Correct or remove the file."
        ) from error


def _require_kind(value: Any, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        found = _WORDS.get(type(value), type(value).__name__)
        raise ValueError(f"{what} must be {_WORDS[kind]}, found {found}. Correct the file.")
