"""Text in figures: names of users' own that fit their place, in fonts that have their letters."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache

from matplotlib import rc_context, style
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import text_to_path

POINTS_PER_INCH = 72
OUTLINE_MARGIN = 1.04  # pixels round letters up, by more the smaller they are
LEGEND_LINE_INCHES = 0.6  # the line before a name, and the space to the next one
DEFAULT_FONT = "DejaVu Sans"  # comes with matplotlib
BOXES = "Last"  # begins the name of the font that has a box for every letter


@contextmanager
def figure_style(texts: Iterable[str]) -> Iterator[None]:
    """matplotlib's own settings, with fonts for the letters of the texts; a dollar sign is one and no formula.

    Settings of other plots, such as the large fonts that nnU-Net's leave behind, change no figure.
    """
    further_fonts, _ = _fonts_for(frozenset("".join(texts)))
    fonts = [DEFAULT_FONT, *further_fonts]
    with style.context("default"), rc_context({"font.family": fonts, "text.parse_math": False}):
        yield


def fitted(text: str, inches: float, size: float, weight: str = "normal") -> str:
    """A text as it can be drawn in a line, with "…" for its middle where it is wider than its place.

    To be called within `figure_style`.

    Args:
        inches: width of the place.
        size: of the font in points.
        weight: of the font, "normal" or "bold".
    """
    text = printable(text)
    shortened = text
    n_kept = len(text)
    while n_kept and width_inches(shortened, size, weight) > inches:
        n_kept -= 1
        shortened = f"{text[: n_kept - n_kept // 2]}…{text[len(text) - n_kept // 2 :]}"
    return shortened


def wrapped(text: str, inches: float, size: float) -> str:
    """A text in one line where it fits, else in two, the second one as `fitted` makes it."""
    text = printable(text)
    n_first = next(n for n in range(len(text), -1, -1) if width_inches(text[:n], size) <= inches)
    if n_first == len(text):
        return text
    return f"{text[:n_first]}\n{fitted(text[n_first:], inches, size)}"


def legend_names(names: Iterable[str], inches: float, size: float) -> list[str]:
    """Names as a legend of a width can show them, each with its line."""
    return [fitted(name, inches - LEGEND_LINE_INCHES, size) for name in names]


def legend_columns(names: list[str], inches: float, size: float) -> int:
    """Columns of a legend of a width."""
    widest = max((width_inches(name, size) for name in names), default=0)
    return max(1, int(inches // (widest + LEGEND_LINE_INCHES)))


def width_inches(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text, in the fonts of `figure_style`."""
    width_points, _, _ = text_to_path.get_text_width_height_descent(
        text, FontProperties(size=size, weight=weight), False
    )
    return OUTLINE_MARGIN * width_points / POINTS_PER_INCH


def printable(text: str) -> str:
    """The text in one line, with the number of a letter in its place where no font here has it, as [U+809D] for a liver.

    Warns where that is so.
    """
    text = " ".join(text.split())
    _, missing = _fonts_for(frozenset(text))
    if missing:
        warnings.warn(
            f"No font on this machine has the letters {' '.join(sorted(missing))} of {text}: the figure shows their numbers. "
            "Install a font for them, such as Noto Sans CJK (Debian: fonts-noto-cjk).",
            stacklevel=2,
        )
    return "".join(f"[U+{ord(letter):04X}]" if letter in missing else letter for letter in text)


@lru_cache
def _fonts_for(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Names of as few installed fonts as have the letters that the default font lacks, and the letters that none has."""
    missing = letters - _letters_of(findfont(DEFAULT_FONT))
    names = []
    while missing:
        found: dict[str, frozenset[str]] = {}
        for font in fontManager.ttflist:  # bold and italic ones of a name may lack letters
            found[font.name] = max(found.get(font.name, frozenset()), missing & _letters_of(font.fname), key=len)
        best = max((name for name in found if not name.startswith(BOXES)), key=lambda name: len(found[name]))
        if not found[best]:
            break
        names.append(best)
        missing = missing - found[best]
    return names, missing


@cache
def _letters_of(font_file: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(font_file).get_charmap()))
