"""Kinds of config fields, such as numbers that must be above 0, and the check of a value against its field."""

import reprlib
from dataclasses import Field, field
from typing import Any, get_args, get_origin

MOST = 1_000_000
"""The largest number of a field that gives no other: a thousand times what any training has been run with."""


def one_of(*choices: str) -> Any:
    """A config field with these values, the first by default."""
    return field(default=choices[0], metadata={"choices": choices})


def positive(default: float | None, most: float = MOST) -> Any:
    """A config field that must be above 0, and at most `most`."""
    return field(default=default, metadata={"positive": True, "most": most})


def from_zero(default: float | None, most: float = MOST) -> Any:
    """A config field that must be 0 or above, and at most `most`."""
    return field(default=default, metadata={"from_zero": True, "most": most})


def weight(default: float) -> Any:
    """A config field that is the weight of a part of the loss."""
    return from_zero(default, most=1000)


def share(default: float) -> Any:
    """A config field that must be 0 or above, and below 1."""
    return field(default=default, metadata={"share": True})


def check_field(each: Field, value: Any) -> None:
    """Raises ValueError where a field has a value of another type or out of its range; it names the field and what it may be."""
    types, found = [get_origin(t) or t for t in get_args(each.type) or (each.type,)], reprlib.repr(value)
    if not isinstance(value, (*types, int) if float in types else tuple(types)) or (
        isinstance(value, bool) and bool not in types
    ):
        readable = each.type.__name__ if isinstance(each.type, type) else str(each.type).replace("None", "none")
        raise ValueError(f"{each.name} must be {readable}, got {found}.")
    if "choices" in each.metadata and value not in each.metadata["choices"]:
        raise ValueError(f"{each.name} must be one of {', '.join(each.metadata['choices'])}, got {found}.")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(each, value, found)


def _check_number(each: Field, value: float, found: str) -> None:
    if "share" in each.metadata and not 0 <= value < 1:
        raise ValueError(f"{each.name} must lie in [0, 1), got {found}.")
    least = "above 0" if "positive" in each.metadata else "0 or above" if "from_zero" in each.metadata else "a number"
    too_low = (least == "above 0" and not value > 0) or (least == "0 or above" and not value >= 0)
    most = each.metadata.get("most", MOST)
    if too_low or not -MOST <= value <= most:
        raise ValueError(f"{each.name} must be {least} and at most {most:,}, got {found}.")
