"""Meaning of a label map's values, and the values that they get in nnU-Net (0 background, then without gaps)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2_muduo.user_files import read_user_json

AUTOPET_ORGANS = (
    "liver",
    "kidney_left",
    "kidney_right",
    "heart",
    "spleen",
    "aorta",
    "prostate",
    "lung_lower_lobe_left",
    "lung_lower_lobe_right",
    "lung_upper_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
)
AUTOPET3_ORGANS = (
    "spleen",
    "kidneys",
    "liver",
    "bladder",
    "lungs",
    "brain",
    "heart",
    "stomach",
    "prostate",
    "head_glands",
)


@dataclass(frozen=True)
class LabelScheme:
    """`labels` is what dataset.json says; `value_map` takes a value of the source's maps to one of these."""

    origin: str
    labels: Mapping[str, int]
    value_map: Mapping[int, int]
    values_by_name: Mapping[str, int] | None = None
    """Value by name (see `same_name`) where the maps say what their values mean, which may differ from case to case."""

    def values_of(self, findings: Mapping) -> dict[int, int]:
        """`value_map` of one case, by what checking found of it."""
        if self.values_by_name is None:
            return dict(self.value_map)
        names = findings.get("label_names", {})
        return {0: 0} | {int(value): self.values_by_name[same_name(name)] for value, name in names.items()}

    def statistics_of(self, findings: Mapping) -> dict[str, dict]:
        """What checking found of a case's labels, by value of the source, or of the data set where those differ by case."""
        if self.values_by_name is None:
            return findings["labels"]
        values = self.values_of(findings)
        return {str(values[int(value)]): found for value, found in findings["labels"].items()}

    def foreign_names(self, findings: Mapping) -> list[str]:
        """Names of a case's labels that are not in the scheme."""
        names = findings.get("label_names", {}).values() if self.values_by_name is not None else ()
        return [name for name in names if same_name(name) not in self.values_by_name]

    def continues(self, earlier: Mapping[str, int]) -> bool:
        """Whether labels of an earlier call keep their values; maps that say what they mean may add further ones."""
        may_add = self.values_by_name is not None
        return not earlier or earlier == self.labels or (may_add and earlier.items() <= self.labels.items())

    def name_of(self, value: int) -> str:
        """Name of a value of the source's maps."""
        return next(name for name, target in self.labels.items() if target == self.value_map[value])

    def foreign_values(self, values) -> list[int]:
        return sorted(set(values) - set(self.value_map))


def numbered(origin: str, names, aliases: Mapping[int, int] | None = None) -> LabelScheme:
    """Scheme in which the n-th name has value n; an alias is a further value of the source with the same meaning."""
    labels = {"background": 0} | {name: i for i, name in enumerate(names, 1)}
    return LabelScheme(origin, labels, {value: value for value in labels.values()} | dict(aliases or {}))


TUMOR = numbered("values are 0 and 1", ("tumor",))
AUTOPET3 = numbered("AutoPET III organ maps", AUTOPET3_ORGANS)
AUTOPET_ORGAN_12 = numbered("AutoPET-Organ, twelve organs as documented", AUTOPET_ORGANS)
AUTOPET_ORGAN_11 = numbered(
    "AutoPET-Organ as measured: no prostate, 11 and 12 both are the right middle lobe and were merged",
    [name for name in AUTOPET_ORGANS if name != "prostate"],
    aliases={12: 11},
)


def same_name(name: str) -> str:
    """The form in which names of labels are compared: upper and lower case and blanks make no difference."""
    return " ".join(name.split()).casefold()


def read_scheme(path: Path) -> LabelScheme:
    """Scheme of a `labels.json` ({"background": 0, "liver": 1, ...}) or of an nnU-Net `dataset.json`.

    Values with gaps are renumbered in their order; labels that have names of masks in place of a value are numbered in the
    file's order. Raises ValueError for regions, a missing background, and values that are no whole numbers or stand twice.
    """
    names = labels_in(path)
    if isinstance(names, dict) and any(map(are_names, names.values())):
        names = {name: value if name == "background" else i for i, (name, value) in enumerate(names.items())}
    if reason := _why_no_scheme(names):
        raise ValueError(
            f'{path} {reason}. Labels are written as {{"background": 0, "liver": 1, ...}}: correct the file.'
        )
    ordered = sorted(names, key=names.get)
    return LabelScheme(
        str(path),
        {name: i for i, name in enumerate(ordered)},
        {names[name]: i for i, name in enumerate(ordered)},
    )


def _why_no_scheme(names: Any) -> str | None:
    if not isinstance(names, dict):
        return f"has labels that are no names with values: {json.dumps(names)}"
    for name, value in names.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0 or not name.strip():
            return f"gives the label {json.dumps(name)} the value {json.dumps(value)}, where a name has a whole number from 0"
    if names.get("background") != 0:
        return 'names no "background" with the value 0'
    twice = [name for name, value in names.items() if list(names.values()).count(value) > 1]
    return f"gives two names the same value: {', '.join(twice)}" if twice else None


def labels_in(path: Path) -> Any:
    """What a `labels.json` or an nnU-Net `dataset.json` says of labels, unchecked."""
    content = read_user_json(path)
    return content.get("labels", content)


def are_names(value: Any) -> bool:
    """True for what a `labels.json` may have in place of a value: names of the masks that mean a label."""
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def find_names_file(folder: Path) -> Path | None:
    """labels.json in a folder of label maps or beside it, or the dataset.json that belongs to an nnU-Net folder."""
    candidates = [folder / "labels.json", folder.parent / "labels.json"]
    if (folder / "labelsTr").is_dir():
        candidates.append(folder / "dataset.json")
    if folder.name == "labelsTr":
        candidates.append(folder.parent / "dataset.json")
    return next((path for path in candidates if path.is_file()), None)


def guess_scheme(file_stems: list[str], values_per_map: list[set[int]]) -> LabelScheme:
    """Scheme of label maps without a names file, from their file names and the values in all of them.

    Raises ValueError where neither AutoPET-Organ, nor AutoPET III organs, nor a tumor mask fits.
    """
    if file_stems and all(stem.startswith("PETCT_") for stem in file_stems):
        has_both = any({11, 12} <= values for values in values_per_map)
        return AUTOPET_ORGAN_12 if has_both else AUTOPET_ORGAN_11
    n_fitting = sum(not TUMOR.foreign_values(values) for values in values_per_map)
    if 2 * n_fitting > len(values_per_map):
        return TUMOR
    is_autopet3 = file_stems and all(stem.startswith(("fdg_", "psma_")) for stem in file_stems)
    if is_autopet3 and not AUTOPET3.foreign_values(set().union(*values_per_map)):
        return AUTOPET3
    found = sorted(set().union(*values_per_map))
    raise ValueError(
        f"The label maps hold the values {found} and nothing says what they mean. Put a labels.json beside them "
        '({"background": 0, "liver": 1, ...}), or give other maps with --labels.'
    )
