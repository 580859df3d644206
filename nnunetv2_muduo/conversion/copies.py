"""Cases that hold the same scan under several names. They count as one patient, so that no copy gets into another set."""

from collections.abc import Collection, Iterable, Mapping

from nnunetv2_muduo.conversion.split import LEFT_OUT
from nnunetv2_muduo.tables import markdown_text


def copied_cases(findings: Mapping[str, dict]) -> list[list[str]]:
    """Groups of cases, sorted, of which each shares the voxels of its CT or its PET with another of the group."""
    cases_by_scan: dict[tuple[str, str], set[str]] = {}
    for case_id, found in findings.items():
        for role, digest in found.get("voxels", {}).items():
            cases_by_scan.setdefault((role, digest), set()).add(case_id)
    return sorted(map(sorted, joined(cases for cases in cases_by_scan.values() if len(cases) > 1)))


def joined(groups: Iterable[Collection[str]]) -> list[set[str]]:
    """Groups without a common member: those that had one are one."""
    apart: list[set[str]] = []
    for group in groups:
        touched = [other for other in apart if not other.isdisjoint(group)]
        apart = [other for other in apart if other not in touched] + [set(group).union(*touched)]
    return apart


def with_copies_joined(patients: Mapping[str, str], findings: Mapping[str, dict]) -> dict[str, str]:
    """Patient by case, where patients who share a scan have become one, by the first of their names."""
    groups = joined({patients[case_id] for case_id in copies} for copies in copied_cases(findings))
    name_of = {patient: min(group) for group in groups for patient in group}
    return {case_id: name_of.get(patient, patient) for case_id, patient in patients.items()}


def copy_remarks(entries: Mapping[str, dict]) -> list[str]:
    """A line on every scan that stands in the record under several names.

    Args:
        entries: of muduo_cases.json, by case.
    """
    lines = []
    for cases in copied_cases({case_id: entry.get("findings", {}) for case_id, entry in entries.items()}):
        line = ", ".join(f"{markdown_text(case_id)} ({entries[case_id]['set'].replace('_', ' ')})" for case_id in cases)
        sets = {entries[case_id]["set"] for case_id in cases} - {LEFT_OUT}
        lines.append(f"**{line}: the same scan in {len(sets)} sets**" if len(sets) > 1 else line)
    return lines
