"""The report of a conversion, as Markdown: what went where, what was changed or refused, and that no patient leaks."""

from collections import Counter
from dataclasses import dataclass, field

from nnunetv2_muduo.dataset_conversion.check import AS_IS
from nnunetv2_muduo.dataset_conversion.split import LEFT_OUT, SETS, shared_patients

REPORT_FILE = "muduo_conversion_report.md"


@dataclass
class Report:
    """Everything the report says; `cases` are the entries of muduo_cases.json."""

    title: str
    cases: dict[str, dict]
    label_origin: str
    refused: dict[str, str]
    remarks: list[str] = field(default_factory=list)

    def text(self) -> str:
        parts = [
            self._sets(),
            self._disjoint(),
            self._labels(),
            self._geometry(),
            self._changes(),
            self._list_refused(),
        ]
        remarks = "".join(f"\n* {remark}" for remark in self.remarks)
        return f"# {self.title}\n{remarks}\n\n" + "\n\n".join(filter(None, parts)) + "\n"

    def _members(self, set_name: str) -> dict[str, dict]:
        return {case_id: entry for case_id, entry in self.cases.items() if entry["set"] == set_name}

    def _patients(self, set_name: str) -> set[str]:
        return {entry["patient_key"] for entry in self._members(set_name).values()}

    def _sets(self) -> str:
        rows = [
            f"| {name} | {len(self._members(name))} | {len(self._patients(name))} |"
            for name in (*SETS, LEFT_OUT)
            if name in SETS or self._members(name)
        ]
        lines = ["## Sets", "", "| set | cases | patients |", "|---|---|---|", *rows]
        if self._members(LEFT_OUT):
            lines += ["", "Left out: further studies of patients in labeled, val or test."]
            lines += [f"* {case_id}" for case_id in self._members(LEFT_OUT)]
        return "\n".join(lines)

    def _disjoint(self) -> str:
        shared = shared_patients({name: self._patients(name) for name in SETS})
        rows = [f"| {a} and {b} | {len(both)} |" for (a, b), both in shared.items()]
        return "\n".join(["## Patients in two sets", "", "| sets | patients in both |", "|---|---|", *rows])

    def _labels(self) -> str:
        statistics = [entry["findings"]["labels"] for entry in self.cases.values() if "labels" in entry["findings"]]
        counts = Counter(value for labels in statistics for value in labels)
        lines = ["## Labels", "", f"Names from: {self.label_origin}", "", "| value in the source | cases | median ml |"]
        lines += ["|---|---|---|"]
        for value in sorted(counts, key=int):
            volumes_ml = sorted(labels[value]["ml"] for labels in statistics if value in labels)
            lines.append(f"| {value} | {counts[value]} | {volumes_ml[len(volumes_ml) // 2]:.1f} |")
        return "\n".join(lines)

    def _geometry(self) -> str:
        orientations = Counter(entry["findings"]["grid"]["orientation"] for entry in self.cases.values())
        spacings = Counter(
            " x ".join(f"{s:.3g}" for s in entry["findings"]["grid"]["spacing_mm"]) for entry in self.cases.values()
        )
        lines = [
            "## Geometry",
            "",
            "Orientation: " + _counted(orientations),
            "",
            "Spacing in mm: " + _counted(spacings),
        ]
        if len(orientations) > 1:
            lines += ["", "**Several orientations**: nnU-Net doesn't look at them; left and right may be mixed up."]
        return "\n".join(lines)

    def _changes(self) -> str:
        changed = [
            f"* {case_id}: {role} {change}"
            for case_id, entry in self.cases.items()
            for role, change in entry["findings"]["changes"].items()
            if change != AS_IS
        ]
        return "\n".join(["## Put on the PET's grid", "", *changed]) if changed else ""

    def _list_refused(self) -> str:
        if not self.refused:
            return "## Refused\n\nNothing."
        return "\n".join(["## Refused", "", *(f"* {case_id}: {why}" for case_id, why in sorted(self.refused.items()))])


def _counted(counter: Counter) -> str:
    return ", ".join(f"{key} ({n} cases)" for key, n in counter.most_common())
