"""Check that no scan is in two sets under two names: images are compared by their voxels."""

from collections.abc import Collection
from pathlib import Path

from nnunetv2_muduo.check.dataset import separate_sets
from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.raw_dataset import FOLDERS_CHECKED, RawDataset
from nnunetv2_muduo.conversion.split import LABELED
from nnunetv2_muduo.imageio.voxels import equal_images


def check_copies(dataset: RawDataset) -> Finding:
    """A scan in two sets makes every figure too good, one that is twice in a set counts twice."""
    leaked, doubled = set(), set()
    cases = _case_of_files(dataset)
    sets = _set_of_cases(dataset)
    for paths in equal_images(cases):
        alike = {cases[path] for path in paths}
        if len({case for _, case in alike}) > 1:  # one name in two folders is another finding
            n_sets = len({sets[one] for one in alike if one in sets})
            (leaked if n_sets > 1 else doubled).add(_line(alike))
    found = "" if leaked else "no scan in two sets"
    warning = f"one scan under several names, which counts several times: {first(doubled)}" if doubled else ""
    problem = f"one scan in two sets, remove one of each: {first(leaked)}" if leaked else ""
    return finding("copies", found, problem=problem, warning=warning)


def _case_of_files(dataset: RawDataset) -> dict[Path, tuple[str, str]]:
    """(folder, case) by image."""
    return {
        path: (FOLDERS_CHECKED[name], case)
        for name, cases in dataset.images.items()
        for case, files in cases.items()
        for path in files
    }


def _set_of_cases(dataset: RawDataset) -> dict[tuple[str, str], str]:
    """Set by (folder, case); cases of imagesTr that are not in the split are in none."""
    labeled = FOLDERS_CHECKED[LABELED]
    return {
        (FOLDERS_CHECKED.get(name, labeled), case): name
        for name, cases in separate_sets(dataset).items()
        for case in cases
    }


def _line(cases: Collection[tuple[str, str]]) -> str:
    return " = ".join(f"{folder}/{case}" for folder, case in sorted(cases))
