"""Report of a conversion, as Markdown: what went where, what was changed or refused, and that no patient leaks."""

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import PurePath

from nnunetv2_muduo.conversion.case_check import AS_IS
from nnunetv2_muduo.conversion.copies import copy_remarks, with_copies_joined
from nnunetv2_muduo.conversion.label_names import LabelScheme
from nnunetv2_muduo.conversion.split import (
    LABELED,
    LEFT_OUT,
    SETS,
    TEST,
    UNLABELED,
    VAL,
    SetSizes,
    shared_patients,
)
from nnunetv2_muduo.conversion.uptake_report import coverage_remarks, uptake_section
from nnunetv2_muduo.tables import markdown_row, markdown_text

REPORT_FILE = "muduo_conversion_report.md"
LEFT_AXIS_LPS = 0


@dataclass(frozen=True)
class Report:
    """What a report is made from; `cases` are the entries of muduo_cases.json, `remarks` are Markdown."""

    title: str
    cases: dict[str, dict]
    scheme: LabelScheme
    refused: dict[str, str]
    sizes: SetSizes
    seed: int
    remarks: tuple[str, ...] = ()

    def text(self) -> str:
        parts = [
            _remarks(self),
            _sets(self),
            _disjoint(self),
            _copies(self),
            _labels(self),
            _geometry(self),
            _units(self),
        ]
        parts += [_changes(self), _found(self), _refused(self)]
        return f"# {markdown_text(self.title)}\n\n" + "\n\n".join(filter(None, parts)) + "\n"

    def members(self, set_name: str) -> dict[str, dict]:
        return {case_id: entry for case_id, entry in self.cases.items() if entry["set"] == set_name}

    def patients(self, set_name: str) -> set[str]:
        """Known patients of a set; those who share a scan are one."""
        known = {i: entry["patient_key"] for i, entry in self.cases.items() if entry["patient_key"] is not None}
        joined = with_copies_joined(known, {case_id: self.cases[case_id]["findings"] for case_id in known})
        return {joined[case_id] for case_id in self.members(set_name) if case_id in joined}

    @property
    def of_unknown_patients(self) -> list[str]:
        return sorted(i for i, entry in self.cases.items() if entry["patient_key"] is None and entry["set"] != LEFT_OUT)


def without_sources(report: Report) -> Report:
    """A report that may be handed on with a data set of pseudonyms: no paths, no reasons that quote headers or names."""
    scheme = replace(report.scheme, origin=PurePath(report.scheme.origin).name)
    refused = dict.fromkeys((PurePath(name).name for name in report.refused), "see what the conversion said")
    remark = "Names are pseudonyms; reasons and remarks that could name the source were said on the screen alone."
    return replace(report, scheme=scheme, refused=refused, remarks=(remark,))


def _remarks(report: Report) -> str:
    remarks = [
        *report.remarks,
        f"Seed {report.seed}. Train with fold 0: it is the only split, nnU-Net would draw any other fold at random.",
    ]
    if not report.sizes.val:
        remarks.append("**No val cases asked for**: nnU-Net validates on the labeled cases themselves.")
    for name in (LABELED, VAL, TEST):
        n_found, n_wanted = len(report.members(name)), getattr(report.sizes, name)
        if n_found < n_wanted:
            remarks.append(f"**Only {n_found} of {n_wanted} {name} cases** could be converted.")
    if not report.members(UNLABELED):
        remarks.append("**No unlabeled cases**: there is nothing for the teachers to teach on.")
    if not os.environ.get("nnUNet_preprocessed"):
        remarks.append("nnUNet_preprocessed is not set: copy splits_final.json into the dataset's folder there.")
    return "\n".join(f"* {remark}" for remark in remarks)


def _sets(report: Report) -> str:
    rows = [(name, len(report.members(name)), len(report.patients(name))) for name in SETS]
    text = "## Sets\n\n" + _table(("set", "cases", "known patients"), rows)
    left_out = report.members(LEFT_OUT)
    if left_out:
        text += "\n\nLeft out, as further studies of patients in labeled, val or test: " + ", ".join(
            map(markdown_text, left_out)
        )
    return text


def _disjoint(report: Report) -> str:
    shared = shared_patients({name: report.patients(name) for name in SETS})
    rows = [(f"{a} and {b}", len(both)) for (a, b), both in shared.items()]
    proof = _table(("sets", "patients in both"), rows)
    unknown = report.of_unknown_patients
    if not unknown:
        return f"## {'**Patients in two sets**' if any(shared.values()) else 'No patient in two sets'}\n\n{proof}"
    text = (
        f"## Patients\n\n**The patients of {len(unknown)} cases are unknown**, so it can't be excluded that a patient is in "
        "two sets, which would make every figure of a training too good. Say by --patient-regex where their names hold the "
        f"patient, such as '(pat[0-9]+)_'. They are {', '.join(map(markdown_text, unknown[:3]))}"
        + (f" and {len(unknown) - 3} more." if len(unknown) > 3 else ".")
    )
    n_known = len(report.cases) - len(unknown)
    return f"{text}\n\nThe other {n_known} cases:\n\n{proof}" if any(map(report.patients, SETS)) else text


def _copies(report: Report) -> str:
    lines = [f"* {line}" for line in copy_remarks(report.cases)]
    text = "Equal voxels in CT or PET; the cases count as one patient:"
    return "\n\n".join(("## The same scan under several names", text, "\n".join(lines))) if lines else ""


def _labels(report: Report) -> str:
    findings = [entry["findings"] for entry in report.cases.values() if "labels" in entry["findings"]]
    maps = [report.scheme.statistics_of(found) for found in findings]
    rows = []
    for value in sorted(report.scheme.value_map):
        volumes_ml = sorted(labels[str(value)]["ml"] for labels in maps if str(value) in labels)
        if value:
            middle = f"{volumes_ml[len(volumes_ml) // 2]:.1f}" if volumes_ml else ""
            rows.append((value, report.scheme.name_of(value), len(volumes_ml), middle))
    table = _table(("value in the source", "name", f"maps of {len(maps)} that hold it", "median ml"), rows)
    sides = [f"* {line}" for line in side_lines(maps, report.scheme)]
    return "\n\n".join(
        filter(None, ["## Labels", f"Names from: {markdown_text(report.scheme.origin)}", table, "\n".join(sides)])
    )


def side_lines(maps: list[dict], scheme: LabelScheme) -> list[str]:
    """For each pair of organs named left and right: in how many maps the left one really lies left of the other."""
    value_of = {}
    for value in sorted(scheme.value_map):
        value_of.setdefault(scheme.name_of(value), str(value))
    lines = []
    for left in (name for name in value_of if "left" in name and name.replace("left", "right") in value_of):
        right = left.replace("left", "right")
        both = [m for m in maps if value_of[left] in m and value_of[right] in m]
        centers_mm = [[m[value_of[name]]["center_mm"][LEFT_AXIS_LPS] for name in (left, right)] for m in both]
        n_right_way = sum(left_mm > right_mm for left_mm, right_mm in centers_mm)
        line = f"{markdown_text(left)} lies left of {markdown_text(right)} in {n_right_way} of {len(both)} maps"
        lines.append(line if n_right_way == len(both) else f"**{line}**: sides are mixed up")
    return lines


def _geometry(report: Report) -> str:
    grids = [entry["findings"]["grid"] for entry in report.cases.values()]
    orientations = Counter(grid["orientation"] for grid in grids)
    spacings = Counter(" x ".join(f"{mm:.3g}" for mm in grid["spacing_mm"]) for grid in grids)
    text = f"## Geometry\n\nOrientation: {_counted(orientations)}\n\nSpacing in mm: {_counted(spacings)}"
    if len(orientations) > 1:
        text += "\n\n**Several orientations**: nnU-Net doesn't look at them, so left and right may be mixed up."
    return text


def _units(report: Report) -> str:
    findings = {case_id: entry["findings"] for case_id, entry in report.cases.items()}
    header, rows, remarks = uptake_section(findings)
    lines = [*coverage_remarks(findings), *remarks]
    return "\n\n".join(("## PET units and uptake", *lines, _table(header, rows)))


def _changes(report: Report) -> str:
    changed = [
        (case_id, role, change, "")
        if role != "ct" or change != "resampled linearly"
        else (case_id, role, change, f"{entry['findings']['ct_covers']:.0%}")
        for case_id, entry in report.cases.items()
        for role, change in entry["findings"]["changes"].items()
        if change != AS_IS
    ]
    header = ("case", "file", "change", "share of the PET that the CT covers")
    return "## Put on the PET's grid\n\n" + _table(header, changed) if changed else ""


def _found(report: Report) -> str:
    remarks = {
        case_id: [*filter(None, [entry.get("remark")]), *entry["findings"].get("label_remarks", ())]
        for case_id, entry in report.cases.items()
    }
    lines = [f"* {markdown_text(case_id)}: {remark}" for case_id, of_case in remarks.items() for remark in of_case]
    return "## How cases were found\n\n" + "\n".join(lines) if lines else ""


def _refused(report: Report) -> str:
    lines = [f"* {markdown_text(case_id)}: {why}" for case_id, why in sorted(report.refused.items())]
    return "## Refused\n\n" + ("\n".join(lines) or "Nothing.")


def _table(header: tuple, rows: list[tuple]) -> str:
    rule = f"| {' | '.join(('---',) * len(header))} |"
    return "\n".join([markdown_row(header), rule, *map(markdown_row, rows)])


def _counted(counter: Counter) -> str:
    return ", ".join(f"{key} ({n} cases)" for key, n in counter.most_common())
