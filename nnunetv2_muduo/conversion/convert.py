"""The story of a conversion: check every case, name the labels, draw the sets, write the cases, report."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dataset import (
    dataset_folder,
    make_folder,
    require_own_folder,
    write_dataset_files,
)
from nnunetv2_muduo.conversion.label_maps import LabelMaps
from nnunetv2_muduo.conversion.label_names import LabelScheme, find_names_file, guess_scheme, read_scheme
from nnunetv2_muduo.conversion.pool import map_cases, n_cores
from nnunetv2_muduo.conversion.record import Record
from nnunetv2_muduo.conversion.split import LEFT_OUT, SETS, Candidate, SetSizes, draw_sets, shared_patients
from nnunetv2_muduo.conversion.write import (
    LABEL_FOLDERS,
    PARTIAL_FOLDER,
    needs_no_rewriting,
    output_files,
    with_partial_file,
    write_case,
)


@dataclass(frozen=True)
class Options:
    """What the user asks of a conversion besides its source."""

    dataset_id: int
    name: str
    sizes: SetSizes = field(default_factory=SetSizes)
    seed: int = 0
    link: bool = False
    dry_run: bool = False
    n_processes: int = field(default_factory=n_cores)
    allow_bqml: bool = False
    patient_regex: str = ""

    def __post_init__(self):
        if not 1 <= self.dataset_id <= 999 or not re.fullmatch(r"\w+", self.name, re.ASCII):
            raise ValueError(
                f"A dataset is DatasetXXX_Name, XXX from 1 to 999; got {self.dataset_id} and {self.name!r}"
            )
        try:
            n_groups = re.compile(self.patient_regex).groups
        except re.error as error:
            raise ValueError(f"--patient-regex {self.patient_regex!r} is no regular expression: {error}") from error
        if self.patient_regex and not n_groups:
            raise ValueError(f"--patient-regex {self.patient_regex!r} needs a group for the patient: '(pat[0-9]+)_'")

    @property
    def dataset_name(self) -> str:
        return f"Dataset{self.dataset_id:03d}_{self.name}"


def convert_cases(cases: list[Case], source: Path, maps: LabelMaps | None, options: Options) -> int:
    """Convert cases into $nnUNet_raw; returns 0, or 1 where at least one case was refused.

    Raises ValueError or RuntimeError where nothing can be converted: no folders set, another dataset in the place, too
    few labelled cases, labels of unknown meaning.
    """
    record = open_record(options)
    duplicates = refuse_duplicates(cases)
    cases_by_id = {case.case_id: case for case in cases if case.case_id not in duplicates}
    findings, refused = check_all(cases_by_id, record, options)
    refused |= duplicates
    scheme = plan(record, cases_by_id, findings, refused, source, maps, options)
    if not options.dry_run:
        record.save(complete=False)
        refused |= write_all(cases_by_id, record, scheme, refused, options)
        refused |= write_dataset_files(record, options.name)
        record.save(complete=True)
    report_conversion(record, scheme, refused, options, maps.remarks(cases) if maps else ())
    return 1 if refused else 0


def open_record(options: Options) -> Record:
    """What is known of the dataset's folder, which is made ready. Raises where it can't be ours."""
    record = Record(dataset_folder(options.dataset_id, options.dataset_name), options.dry_run)
    settings = asdict(options.sizes) | {"seed": options.seed, "patient_regex": options.patient_regex}
    require_own_folder(record, settings)
    record.settings = settings
    if not options.dry_run:
        make_folder(record.dataset)
    return record


def refuse_duplicates(cases: list[Case]) -> dict[str, str]:
    """Names that several cases would get, with the reason for which all of these are refused."""
    by_id: dict[str, list[Case]] = {}
    for case in cases:
        by_id.setdefault(case.case_id, []).append(case)
    return {
        case_id: same[0].problem or f"{len(same)} cases would get this name: " + ", ".join(map(str, same))
        for case_id, same in by_id.items()
        if len(same) > 1
    }


def check_all(cases: dict[str, Case], record: Record, options: Options) -> tuple[dict[str, dict], dict[str, str]]:
    """(findings, refusals) of all cases; what an earlier call has read and is unchanged isn't read again."""
    from nnunetv2_muduo.conversion.check import check_case, file_stamps

    stamps, refused = {}, {}
    for case_id, case in cases.items():
        try:
            stamps[case_id] = file_stamps(case)
        except OSError as error:
            refused[case_id] = case.problem or str(error)
    findings = {i: known for i in stamps if (known := record.findings(i, stamps[i])) is not None}
    jobs = [(cases[case_id], options.allow_bqml) for case_id in stamps if case_id not in findings]
    for (case, _), found in map_cases(check_case, jobs, options.n_processes, "checking"):
        if "problem" in found:
            refused[case.case_id] = found["problem"]
            continue
        findings[case.case_id] = found
        record.note_checked(case.case_id, stamps[case.case_id], found)
    return {case_id: findings[case_id] for case_id in cases if case_id in findings}, refused


def plan(
    record: Record,
    cases: dict[str, Case],
    findings: dict[str, dict],
    refused: dict[str, str],
    source: Path,
    maps: LabelMaps | None,
    options: Options,
) -> LabelScheme:
    """Name the labels and give every accepted case its set; cases with foreign labels join `refused`."""
    try:
        scheme = choose_scheme(cases, findings, source, maps, record)
        refused |= refuse_foreign_labels(findings, scheme)
        accepted = {i: found for i, found in findings.items() if i not in refused}
        refused |= plan_sets(record, cases, accepted, options)
    except ValueError as error:
        raise ValueError("\n".join([str(error), *(f"{i} was refused: {why}" for i, why in refused.items())])) from error
    return scheme


def choose_scheme(
    cases: dict[str, Case], findings: dict[str, dict], source: Path, maps: LabelMaps | None, record: Record
) -> LabelScheme:
    """What label values mean. Raises ValueError where that is unknown or not the same as in an earlier call."""
    names_file = maps.names_file if maps else find_names_file(source)
    if names_file:
        scheme = read_scheme(names_file)
    else:
        labeled = [case_id for case_id in findings if cases[case_id].label is not None]
        if not labeled:
            raise ValueError(
                f"No case below {source} has a label map. Give them with --labels, named as the cases are, such as "
                f"{next(iter(cases), 'patient_study')}.nii.gz."
            )
        values = [{0, *map(int, findings[case_id]["labels"])} for case_id in labeled]
        scheme = guess_scheme(maps.file_stems if maps else [], values)
    if record.labels and record.labels != scheme.labels:
        raise ValueError(f"The dataset was made with labels {record.labels}, these maps have {dict(scheme.labels)}.")
    record.labels = dict(scheme.labels)
    return scheme


def refuse_foreign_labels(findings: dict[str, dict], scheme: LabelScheme) -> dict[str, str]:
    """Cases whose label map holds values that have no name."""
    foreign = {i: scheme.foreign_values(map(int, found.get("labels", {}))) for i, found in findings.items()}
    return {i: f"label map holds the values {values}, which have no name" for i, values in foreign.items() if values}


def plan_sets(record: Record, cases: dict[str, Case], findings: dict[str, dict], options: Options) -> dict[str, str]:
    """Give every accepted case its set and its entry in the record; returns refusals.

    A case of unknown patient counts as a patient of its own, as far as sets are drawn.
    """
    candidates = [Candidate(i, cases[i].patient_key or i, "labels" in found) for i, found in findings.items()]
    previous = {case_id: (entry["patient_key"] or case_id, entry["set"]) for case_id, entry in record.cases.items()}
    sets = draw_sets(candidates, options.sizes, options.seed, previous)
    refused = {
        case_id: f"is in the set {sets[case_id]} since an earlier call, but has no label map any more"
        for case_id, found in findings.items()
        if sets[case_id] in LABEL_FOLDERS and "labels" not in found
    }
    for case_id, found in findings.items():
        if case_id in refused:
            continue
        case = cases[case_id]
        record.cases[case_id] = {
            "set": sets[case_id],
            "patient": case.patient,
            "patient_key": case.patient_key,
            "study": case.study,
            "origin": {role: str(getattr(case, role)) for role in ("ct", "pet", "label") if getattr(case, role)},
            "stamps": record.stamps(case_id),
            "findings": found,
        }
    known = [entry for entry in record.cases.values() if entry["patient_key"] is not None]
    patients = {name: {entry["patient_key"] for entry in known if entry["set"] == name} for name in SETS}
    assert not any(shared_patients(patients).values()), "a patient stands in two sets"
    return refused


def write_all(
    cases: dict[str, Case], record: Record, scheme: LabelScheme, refused: dict[str, str], options: Options
) -> dict[str, str]:
    """Write every case of this call that is neither refused nor there yet; returns further refusals.

    A refused case that an earlier call has written stays as it is; one that is not there leaves the record.
    """
    value_map = dict(scheme.value_map)
    jobs = []
    for case_id, entry in list(record.cases.items()):
        if case_id not in cases or entry["set"] == LEFT_OUT:
            continue
        if record.is_written(case_id, entry["stamps"], output_files(case_id, entry["set"])):
            continue
        if case_id in refused:
            del record.cases[case_id]
        else:
            jobs.append((cases[case_id], entry["findings"], entry["set"], value_map, record.dataset, options.link))
    links, others = [], []
    for job in jobs:
        (links if options.link and needs_no_rewriting(*job[:4]) else others).append(job)
    refused_now = {}
    for some, n_processes in ((links, 1), (others, options.n_processes)):
        for (case, *_), result in map_cases(write_case, some, n_processes, "writing"):
            if "problem" in result:
                refused_now[case.case_id] = result["problem"]
                del record.cases[case.case_id]
            else:
                record.note_written(case.case_id, record.cases[case.case_id]["stamps"])
    return refused_now


def report_conversion(
    record: Record, scheme: LabelScheme, refused: dict[str, str], options: Options, remarks: tuple[str, ...]
) -> None:
    """Print the report and keep it in the dataset's folder."""
    from nnunetv2_muduo.conversion.report import REPORT_FILE, Report

    remarks += ("**Dry run**: nothing was written.",) if options.dry_run else ()
    report = Report(options.dataset_name, record.cases, scheme, refused, options.sizes, options.seed, remarks)
    if not options.dry_run:
        text = report.text()
        with_partial_file(record.dataset, REPORT_FILE, lambda path: path.write_text(text, encoding="utf-8"))
        (record.dataset / PARTIAL_FOLDER).rmdir()
    print(report.text())
