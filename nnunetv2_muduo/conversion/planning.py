"""Plan of a conversion, made from the checked cases before any is written: the meaning of labels, and the set of each case."""

from collections.abc import Mapping
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.copies import with_copies_joined
from nnunetv2_muduo.conversion.label_maps import LabelMaps
from nnunetv2_muduo.conversion.label_names import LabelScheme, find_names_file, guess_scheme, read_scheme
from nnunetv2_muduo.conversion.named_labels import named_scheme
from nnunetv2_muduo.conversion.options import Options
from nnunetv2_muduo.conversion.record import Record
from nnunetv2_muduo.conversion.split import SETS, Candidate, draw_sets, shared_patients
from nnunetv2_muduo.conversion.write import LABEL_FOLDERS

Findings = Mapping[str, dict]
"""What checking found of each case; see `case_check`."""


def choose_scheme(
    cases: Mapping[str, Case], findings: Findings, source: Path, maps: LabelMaps | None, record: Record
) -> LabelScheme:
    """What label values mean. Raises ValueError where that is unknown or not the same as in an earlier call."""
    names_file = maps.names_file if maps else find_names_file(source)
    names = {name for found in findings.values() for name in found.get("label_names", {}).values()}
    if names:
        scheme = named_scheme(names, names_file, record.labels)
    else:
        scheme = read_scheme(names_file) if names_file else _guess(cases, findings, source, maps)
    if not scheme.continues(record.labels):
        raise ValueError(f"The dataset was made with labels {record.labels}, these maps have {dict(scheme.labels)}.")
    record.labels = dict(scheme.labels)
    return scheme


def _guess(cases: Mapping[str, Case], findings: Findings, source: Path, maps: LabelMaps | None) -> LabelScheme:
    labeled = [case_id for case_id in findings if cases[case_id].label is not None]
    if not labeled:
        raise ValueError(
            f"No case below {source} has a label map. Give them with --labels, named as the cases are, such as "
            f"{_name_in_source(cases)}.nii.gz."
        )
    values = [{0, *map(int, findings[case_id]["labels"])} for case_id in labeled]
    return guess_scheme(maps.file_stems if maps else [], values)


def _name_in_source(cases: Mapping[str, Case]) -> str:
    case = next(iter(cases.values()), None)
    return "patient_study" if case is None else (case.original or case).case_id


def foreign_labels(findings: Findings, scheme: LabelScheme) -> dict[str, str]:
    """Refusals of cases whose label map holds values that have no name."""
    names = {i: scheme.foreign_names(found) for i, found in findings.items()}
    by_name = {
        i: f"none of its labels is named in labels.json: {', '.join(names)}" for i, names in names.items() if names
    }
    if scheme.values_by_name is not None:
        return by_name
    foreign = {i: scheme.foreign_values(map(int, found.get("labels", {}))) for i, found in findings.items()}
    return {i: f"label map holds the values {values}, which have no name" for i, values in foreign.items() if values}


def choose_sets(
    cases: Mapping[str, Case], findings: Findings, record: Record, options: Options
) -> tuple[dict[str, str], dict[str, str]]:
    """(set by case, refusals by case) of accepted cases: a labeled case that has lost its label map is refused.

    A case of unknown patient counts as a patient of its own, as far as sets are drawn, and patients who share a scan as one.
    """
    recorded = {case_id: entry["patient_key"] or case_id for case_id, entry in record.cases.items()}
    named = recorded | {case_id: case.patient_key or case_id for case_id, case in cases.items()}
    seen = {case_id: entry["findings"] for case_id, entry in record.cases.items()} | dict(findings)
    patients = with_copies_joined(named, {case_id: seen[case_id] for case_id in named})
    candidates = [Candidate(case_id, patients[case_id], "labels" in findings[case_id]) for case_id in cases]
    previous = {case_id: (patients[case_id], entry["set"]) for case_id, entry in record.cases.items()}
    sets = draw_sets(candidates, options.sizes, options.seed, previous)
    refused = {
        one.case_id: f"is in the set {sets[one.case_id]} since an earlier call, but has no label map any more"
        for one in candidates
        if sets[one.case_id] in LABEL_FOLDERS and not one.has_label
    }
    return {case_id: sets[case_id] for case_id in cases if case_id not in refused}, refused


def _origin(case: Case) -> dict:
    """Where a case comes from, or when its study was where that may not be said."""
    if case.original:
        return {"days_after_first_study": case.days}
    return {"origin": {role: str(getattr(case, role)) for role in ("ct", "pet", "label") if getattr(case, role)}}


def record_sets(cases: Mapping[str, Case], findings: Findings, sets: Mapping[str, str], record: Record) -> None:
    """Give every case that has a set its entry in the record."""
    for case_id, name in sets.items():
        case = cases[case_id]
        record.cases[case_id] = {
            "set": name,
            "patient": case.patient,
            "patient_key": case.patient_key,
            "study": case.study,
            **_origin(case),
            "stamps": record.stamps(case_id),
            "findings": findings[case_id],
        } | ({"remark": case.remark} if case.remark else {})
    known = [entry for entry in record.cases.values() if entry["patient_key"] is not None]
    patients = {name: {entry["patient_key"] for entry in known if entry["set"] == name} for name in SETS}
    assert not any(shared_patients(patients).values()), "a patient stands in two sets"
