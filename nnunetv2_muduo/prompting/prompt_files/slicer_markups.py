"""3D Slicer's markups: points, lines and curves as scribbles, ROIs as boxes, in mm.

A control point whose label or description begins with "neg", "bg", "background" or "-" is negative; so is a line, a curve or
an ROI whose name, or whose first point's label, does, and an ROI that is inside out.
Sources: https://github.com/Slicer/Slicer, Modules/Loadable/Markups: Resources/Schema/markups-schema-v1.0.4.json (LPS where no
coordinate system is written) and, for .fcsv, vtkMRMLMarkupsFiducialStorageNode (0 or RAS, 1 or LPS; RAS where none is written).
"""

import csv
import reprlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_muduo.prompting.prompt_files.file_prompt import FilePrompt, entry, naming, one_place, point
from nnunetv2_muduo.prompting.prompts import places_array
from nnunetv2_muduo.prompting.space import ImageSpace
from nnunetv2_muduo.user_files import read_user_text

NEGATIVE = ("neg", "bg", "background", "-")
TO_LPS = {"LPS": np.array([1, 1, 1]), "RAS": np.array([-1, -1, 1])}
UNITS = ("mm", ["mm", "UCUM", "millimeter"])
"""As a word, or as DICOM codes it."""
_FCSV_SYSTEMS = {"0": "RAS", "RAS": "RAS", "1": "LPS", "LPS": "LPS"}
_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
MOST_OF_A_LINE = 1000
"""Control points, each with a path of some hundred places to the next."""
_LINES = ("Line", "Curve", "ClosedCurve")


def is_negative(*texts: Any) -> bool:
    """Whether a label, description or name says that the object is not here."""
    return any(isinstance(text, str) and text.strip().lower().startswith(NEGATIVE) for text in texts)


def markups_prompts(content: dict[str, Any], path: Path, space: ImageSpace) -> Iterator[FilePrompt]:
    """Prompts of one object from the content of a .mrk.json. Raises ValueError that names the key."""
    for number, markup in enumerate(entry(content, "markups", list, path)):
        place = f"markups[{number}]"
        kind = entry(markup, "type", str, path, place)
        if kind == "ROI":
            yield _roi(markup, path, place)
        elif kind == "Fiducial":
            yield from _points(markup, path, place)
        elif kind in _LINES:
            yield from _scribble(markup, path, place, space)
        else:
            raise ValueError(
                f"{path}: {place}.type is {kind[:80]!r}; Fiducial, ROI and {', '.join(_LINES)} are prompts."
            )


def _points(markup: dict[str, Any], path: Path, place: str) -> Iterator[FilePrompt]:
    """Clicks at the control points that are placed; others, which Slicer keeps beside them, are left out."""
    to_lps = _to_lps(markup, path, place)
    for number, control in enumerate(entry(markup, "controlPoints", list, path, place)):
        key = f"{place}.controlPoints[{number}]"
        if not isinstance(control, dict):
            raise ValueError(f"{path}: {key} is no object {{...}}.")
        if control.get("positionStatus", "defined") != "defined":
            continue
        positive = not is_negative(control.get("label"), control.get("description"))
        click = point(entry(control, "position", list, path, key), positive, f"{path}: {key}.position")
        yield FilePrompt("point", positive, click.places_mm * to_lps, f"{path}: {key}")


def _scribble(markup: dict[str, Any], path: Path, place: str, space: ImageSpace) -> Iterator[FilePrompt]:
    """One scribble through the control points, straight between them; none where no point is placed."""
    points = list(islice(_points(markup, path, place), MOST_OF_A_LINE + 1))
    if len(points) > MOST_OF_A_LINE:
        raise ValueError(f"{path}: {place} has more than {MOST_OF_A_LINE} points.")
    if not points:
        return
    places_mm = np.concatenate([one.places_mm for one in points])
    if markup["type"] == "ClosedCurve":
        places_mm = np.concatenate([places_mm, places_mm[:1]])
    with naming(f"{path}: {place}"):
        places_mm = space.dense_path(places_mm)
    positive = points[0].positive and not is_negative(markup.get("name"))
    yield FilePrompt("scribble", positive, places_mm, f"{path}: {place}")


def _roi(markup: dict[str, Any], path: Path, place: str) -> FilePrompt:
    """The box that holds the ROI: all its eight corners, since it may be turned."""
    center, size, axes = (
        _numbers(markup, key, n, path, place) for key, n in (("center", 3), ("size", 3), ("orientation", 9))
    )
    halves = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * size
    corners = (center + halves @ axes.reshape(3, 3).T) * _to_lps(markup, path, place)
    controls = markup.get("controlPoints")
    first = controls[0] if isinstance(controls, list) and controls and isinstance(controls[0], dict) else {}
    is_out = markup.get("insideOut") is True or is_negative(
        markup.get("name"), first.get("label"), first.get("description")
    )
    with naming(f"{path}: {place}"):
        return FilePrompt("box", not is_out, places_array(corners), f"{path}: {place}")


def _numbers(markup: dict[str, Any], key: str, n: int, path: Path, place: str) -> np.ndarray:
    default = [1, 0, 0, 0, 1, 0, 0, 0, 1] if key == "orientation" and key not in markup else None
    values = default or entry(markup, key, list, path, place)
    if len(values) != n:
        raise ValueError(f"{path}: {place}.{key} must have {n} numbers, found {len(values)}.")
    with naming(f"{path}: {place}.{key}"):
        return places_array([one_place(values[i : i + 3]) for i in range(0, n, 3)]).ravel()


def _to_lps(markup: dict[str, Any], path: Path, place: str) -> np.ndarray:
    system = markup.get("coordinateSystem", "LPS")
    if not isinstance(system, str) or system not in TO_LPS:
        raise ValueError(f"{path}: {place}.coordinateSystem must be LPS or RAS, found {reprlib.repr(system)}.")
    if markup.get("coordinateUnits", "mm") not in UNITS:
        raise ValueError(
            f"{path}: {place}.coordinateUnits must be mm, found {reprlib.repr(markup['coordinateUnits'])}."
        )
    return TO_LPS[system]


def read_fcsv(path: Path) -> Iterator[FilePrompt]:
    """Clicks of one object. Raises FileNotFoundError, and ValueError that names the line."""
    lines = read_user_text(path).splitlines()
    header = dict(_header(line) for line in lines if line.startswith("#"))
    system = header.get("CoordinateSystem", "RAS")
    if system not in _FCSV_SYSTEMS:
        raise ValueError(f"{path}: CoordinateSystem must be LPS (1) or RAS (0), found {system[:80]!r}.")
    columns = [name.strip() for name in header.get("columns", _FCSV_COLUMNS).split(",")]
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            source = f"{path}: line {number}"
            row = dict(zip(columns, _cells(line, source), strict=False))
            positive = not is_negative(row.get("label"), row.get("desc"))
            click = point([_number(row.get(axis), source) for axis in "xyz"], positive, source)
            yield FilePrompt("point", positive, click.places_mm * TO_LPS[_FCSV_SYSTEMS[system]], source)


def _cells(line: str, source: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise ValueError(f"{source} is no line of a table: {error}.") from error


def _header(line: str) -> tuple[str, str]:
    key, _, value = line.lstrip("# ").partition("=")
    return key.strip(), value.strip()


def _number(text: str | None, source: str) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise ValueError(f"{source}: a coordinate must be a number, found {str(text)[:80]!r}.") from error
