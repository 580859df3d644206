"""Prompts of one case from several files and the command line, their objects numbered."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnunetv2_muduo.prompting.prompt_files.file_prompt import ONLY_OBJECT, FilePrompt, naming
from nnunetv2_muduo.prompting.prompt_files.label_masks import MOST_OBJECTS
from nnunetv2_muduo.prompting.prompt_files.reader import ENDINGS, read_prompts
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.space import ImageSpace

SUFFIXES = ("", "_clicks", "_prompts", "_session", "_mask")
"""Of the names of a case's files in a folder of prompts, before the ending."""


@dataclass(frozen=True)
class PromptSource:
    """A file of prompts, or a folder with files for each case; `object_name` is None where the file says what is in it."""

    path: Path
    object_name: str | None = None


@dataclass(frozen=True)
class TypedPoint:
    """A click of the command line, in mm (LPS)."""

    xyz_mm: tuple[float, float, float]
    positive: bool
    object_name: str = ONLY_OBJECT


def prompts_of_case(
    case: str, sources: Iterable[PromptSource], points: Iterable[TypedPoint], space: ImageSpace
) -> list[FilePrompt]:
    """Prompts in the order of the sources, then the points.

    Raises:
        FileNotFoundError, ValueError: as of `read_prompts`; no file for the case in a folder; a name for a file of many objects.
    """
    prompts = []
    for source in sources:
        files = _files_of_case(source.path, case) if source.path.is_dir() else [source.path]
        for file in files:
            prompts += _named(read_prompts(file, space), source.object_name, file)
    for point in points:
        typed = ",".join(f"{mm:g}" for mm in point.xyz_mm)
        prompts.append(
            FilePrompt("point", point.positive, np.array([point.xyz_mm]), f"the point {typed}", point.object_name)
        )
    return prompts


def _files_of_case(folder: Path, case: str) -> list[Path]:
    """A case's files in a folder, by their names: masks first, which clicks then correct."""
    stems = {f"{case}{suffix}" for suffix in SUFFIXES}
    files = [path for path in sorted(folder.iterdir()) if _stem(path.name) in stems]
    if not files:
        raise FileNotFoundError(
            f"{folder} has no prompts of {case}, such as {case}.json, {case}_clicks.json or {case}.mrk.json."
        )
    return sorted(files, key=lambda path: path.suffix in (".json", ".fcsv", ".npz"))


def _stem(name: str) -> str | None:
    """A prompt file's name without its ending; None for other files."""
    ending = next((one for one in (".mrk.json", ".seg.nrrd", *ENDINGS) if name.lower().endswith(one)), None)
    return None if ending is None else name[: -len(ending)]


def _named(prompts: list[FilePrompt], name: str | None, file: Path) -> list[FilePrompt]:
    if name is None:
        return prompts
    objects = sorted({prompt.object_name for prompt in prompts})
    if len(objects) > 1:
        raise ValueError(f"{file} has several objects ({', '.join(objects)[:200]}), which {name} can't be the name of.")
    return [replace(prompt, object_name=name) for prompt in prompts]


def object_numbers(prompts: Iterable[FilePrompt]) -> dict[str, int]:
    """Number of each object in the label map: of a name that is a number itself, else the lowest that is free.

    Raises ValueError for more than 255 objects.
    """
    names = list(dict.fromkeys(prompt.object_name for prompt in prompts))
    numbers = {
        name: int(name)
        for name in names
        if name.isdecimal() and str(int(name)) == name and 1 <= int(name) <= MOST_OBJECTS
    }
    free = (number for number in range(1, MOST_OBJECTS + 1) if number not in numbers.values())
    try:
        return {name: numbers[name] if name in numbers else next(free) for name in names}
    except StopIteration:
        raise ValueError(f"There are {len(names)} objects; a label map has room for {MOST_OBJECTS}.") from None


def give_prompts(session: PromptSession, prompts: Iterable[FilePrompt], numbers: dict[str, int]) -> None:
    """Give a session all prompts, to be answered when it is asked. Raises ValueError that names the source."""
    for prompt in prompts:
        with naming(prompt.source):
            session.take(prompt.numbered(numbers[prompt.object_name]))
