"""Label names that come in left and right, and the axis of the arrays along which the two must not be swapped."""

import re
from collections.abc import Callable, Collection

import numpy as np

_SIDES = (  # words for left and right: English, Latin, German, French, Spanish, Portuguese, Italian, Russian, Chinese
    "left|lft|lt|l|sinister|sinistr[aiou]m?|sin|links|linke[rs]?|li|gauche|izquierd[ao]|izq|esquerd[ao]|sx|лев(?:ый|ая|ое)|左",
    "right|rgt|rt|r|dexter|dextr[aiou]m?|dex|rechts|rechte[rs]?|re|droite?|derech[ao]|der|direit[ao]|destr[ao]|dx|"
    "прав(?:ый|ая|ое)|右",
)
_LEFT, _RIGHT = (re.compile(f"(?:{words})") for words in _SIDES)
_GLUED = re.compile("left|right|links|rechts|gauche|droite?")  # words long enough to be known inside of others
_WORD_BEGINS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)|(?=[左右])|(?<=[左右])"
)
_LEAST_REST = 3  # letters beside an l or r without a blank: lkid and rkid are kidneys, lv and rv may be anything
_NUMBERING = {"1": "2", "a": "b", "i": "ii"}
L, R = "<left>", "<right>"  # stand for the words of a side, in whatever language


def sides_of_labels(labels: Collection[str], said: bool | None) -> tuple[bool, str]:
    """Whether labels tell left from right, and a sentence that says why; none where there is nothing to say.

    Args:
        said: the config's `labels_have_sides`, which decides where it is given.
    """
    pairs, doubtful = left_right_names(labels), doubtful_names(labels)
    if said is not None:
        return said, f"labels_have_sides is {said} in the config" if said != bool(pairs) else _listed(pairs)
    if doubtful:
        names = ", ".join(" and ".join(names) for names in doubtful[:3])
        return False, f"{names} may be sides; if labels tell left from right, say labels_have_sides: true in the config"
    return bool(pairs), _listed(pairs)


def _listed(pairs: list[tuple[str, str]]) -> str:
    first = ", ".join(left for left, _ in pairs[:3])
    return f"Labels come in left and right ({first}{'...' if len(pairs) > 3 else ''})" if pairs else ""


def left_right_names(labels: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of label names that differ in left and right alone.

    As in `kidney_left`, `Left Kidney`, `kidney_l`, `Lt_Kidney`, `LKidney`, `lkid`, `Niere links`, `rein gauche` or `左肾`.
    """
    certain = _pairs(labels, _by_words) + _pairs(labels, _by_glued_words)
    return _in_order(labels, certain + _pairs(labels, lambda name: _by_letter(name, _LEAST_REST)))


def doubtful_names(labels: Collection[str]) -> list[tuple[str, ...]]:
    """Names that may be sides where none surely are, so that somebody has to say it.

    Such as `LV` and `RV`, `kidney_1` and `kidney_2`, or `adrenal_left` alone.
    """
    if left_right_names(labels):
        return []
    lonely = [(name,) for name in labels if len(_by_glued_words(name)) > 1]
    return _in_order(labels, _pairs(labels, lambda name: _by_letter(name, 1)) + _numbered(labels) + lonely)


def _pairs(labels: Collection[str], parts_of: Callable[[str], tuple[str, ...]]) -> list[tuple[str, str]]:
    """Names whose parts are the same but for the side, the left one first."""
    by_parts = {parts_of(name): name for name in labels}
    mirrored = {tuple({L: R, R: L}.get(part, part) for part in parts): name for parts, name in by_parts.items()}
    return [(by_parts[parts], name) for parts, name in mirrored.items() if L in parts and parts in by_parts]


def _by_words(name: str) -> tuple[str, ...]:
    words = re.findall(r"[^\W_]+", _WORD_BEGINS.sub(" ", name))
    return tuple(_side_or_word(word.casefold()) for word in words)


def _side_or_word(word: str) -> str:
    return L if _LEFT.fullmatch(word) else R if _RIGHT.fullmatch(word) else word


def _by_glued_words(name: str) -> tuple[str, ...]:
    side = _GLUED.search(name.casefold())
    return (name[: side.start()].casefold(), _side_or_word(side[0]), name[side.end() :].casefold()) if side else (name,)


def _by_letter(name: str, least_rest: int) -> tuple[str, ...]:
    """A name that begins or ends with l or r, and has some letters more."""
    name = name.casefold()
    if len(name) <= least_rest:
        return (name,)
    if name[0] in "lr":
        return (_side_or_word(name[0]), name[1:])
    return (name[:-1], _side_or_word(name[-1]))


def _numbered(labels: Collection[str]) -> list[tuple[str, str]]:
    """Pairs that are told apart by a first and a second, where there is no third."""
    by_parts = {_by_words(name): name for name in labels}
    stems = [parts[:-1] for parts in by_parts]
    return [
        (name, by_parts[(*parts[:-1], second)])
        for parts, name in by_parts.items()
        if parts and (second := _NUMBERING.get(parts[-1])) and (*parts[:-1], second) in by_parts
        if stems.count(parts[:-1]) == 2
    ]


def _in_order(labels: Collection[str], found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    names = list(labels)
    return sorted(dict.fromkeys(found), key=lambda pair: names.index(pair[0]))


def left_right_axis(direction: list[float], transpose_forward: list[int]) -> int:
    """Axis of nnU-Net's arrays that runs from one side of the patient to the other.

    Args:
        direction: SimpleITK's direction cosines, nine values, of an image in LPS coordinates.
        transpose_forward: the plan's transpose of the array (z, y, x).
    """
    along_patient_x = np.abs(np.asarray(direction).reshape(3, 3)[0])  # of the image axes x, y, z
    array_axis = 2 - int(np.argmax(along_patient_x))  # SimpleITK's arrays are (z, y, x)
    return list(transpose_forward).index(array_axis)
