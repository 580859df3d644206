"""Cases that are links to other cases' files: one scan under two names, of which one is taken."""

import dataclasses
from collections.abc import Iterable

from nnunetv2_muduo.conversion.cases import Case


def without_links(cases: Iterable[Case]) -> list[Case]:
    """The cases without those whose files are another's by links; the remark of the one that is left names them.

    A case with a label map of its own stays. Copies that are no links are known by their voxels, once they are read.
    """
    same: dict[tuple, list[Case]] = {}
    for case in cases:
        same.setdefault(_files(case), []).append(case)
    return [case for one in same.values() for case in _merged(sorted(one, key=_is_link))]


def _files(case: Case) -> tuple:
    """Where the images really lie; a case that lacks one is like no other."""
    if case.ct is None or case.pet is None:
        return (id(case),)
    return case.ct.path.resolve(), case.pet.path.resolve()


def _is_link(case: Case) -> bool:
    return case.ct is not None and case.pet is not None and (case.ct.path.is_symlink() or case.pet.path.is_symlink())


def _merged(same: list[Case]) -> list[Case]:
    first, *others = same
    links = [case for case in others if case.label is None or _label_file(case) == _label_file(first)]
    if links:
        names = ", ".join(map(str, links))
        remark = f"{first.remark}. " if first.remark else ""
        first = dataclasses.replace(first, remark=f"{remark}also found as {names}, by links to the same images")
    return [first, *(case for case in others if case not in links)]


def _label_file(case: Case):
    return case.label and case.label.path.resolve()
