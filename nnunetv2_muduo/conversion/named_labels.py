"""Labels of masks that have names: which of these to take, and the values that they get in a data set."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from nnunetv2_muduo.conversion.label_names import (
    TUMOR,
    LabelScheme,
    are_names,
    find_names_file,
    labels_in,
    read_scheme,
    same_name,
)

TUMOR_WORDS = re.compile(r"tumou?r|lesion|neoplasm", re.IGNORECASE)
"""In the name of the only label of a data set, which then is called tumor."""


@dataclass(frozen=True)
class WantedLabel:
    """A label to take, and the names that mean it: patterns with * and ?, in the form of `same_name`."""

    name: str
    patterns: tuple[str, ...]

    def __str__(self) -> str:
        return self.name if self.patterns == (same_name(self.name),) else f"{self.name} ({', '.join(self.patterns)})"

    def means(self, name: str) -> bool:
        key = same_name(name)
        return any(key == pattern or fnmatchcase(key, pattern) for pattern in self.patterns)


def wanted_labels(source: Path) -> tuple[WantedLabel, ...]:
    """Labels in the labels.json of a source, by their value, without the background; () where there is none."""
    names_file = find_names_file(source)
    if names_file is None:
        return ()
    content = labels_in(names_file)
    names = [name for name in read_scheme(names_file).labels if name != "background"]
    return tuple(WantedLabel(name, tuple(map(same_name, _names_of(name, content[name])))) for name in names)


def _names_of(name: str, content: int | list[str]) -> list[str]:
    return content if are_names(content) else [name]


def named_scheme(names: Iterable[str], names_file: Path | None, earlier: Mapping[str, int]) -> LabelScheme:
    """Scheme of label maps that say what their values mean.

    Args:
        names: all that the maps have.
        names_file: a `labels.json` that says which names to take; where the maps have none of these, it is about numbers.
        earlier: labels of the data set so far, whose values stay; {} for a new one.

    Without a file the names are numbered in alphabetical order, new ones after those that the data set has.
    """
    spelled = {same_name(name): " ".join(name.split()) for name in sorted(names)}
    if names_file is not None:
        scheme = read_scheme(names_file)
        is_about_names = any(same_name(name) in spelled for name in scheme.labels)
        return _by_name(scheme.origin, scheme.labels) if is_about_names else scheme
    if len(spelled) == 1 and TUMOR_WORDS.search(next(iter(spelled))):
        only = {name: 1 for name in spelled}
        return LabelScheme("the maps' only label means a tumor", TUMOR.labels, TUMOR.value_map, only)
    labels = {"background": 0} | (dict(earlier) if earlier != TUMOR.labels else {})
    known = set(map(same_name, labels))
    for key in sorted(spelled.keys() - known):
        labels[spelled[key]] = len(labels)
    return _by_name("the maps themselves", labels)


def _by_name(origin: str, labels: Mapping[str, int]) -> LabelScheme:
    own = {value: value for value in labels.values()}
    return LabelScheme(origin, labels, own, {same_name(name): value for name, value in labels.items()})
