"""Conversion, step by step: check every case, name the labels, draw the sets, write the cases, report."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from nnunetv2_muduo.conversion import case_check
from nnunetv2_muduo.conversion.case_list import CaseList, same_names
from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dataset import (
    dataset_folder,
    make_folder,
    require_own_folder,
    require_same_names,
    write_dataset_files,
)
from nnunetv2_muduo.conversion.label_maps import LabelMaps
from nnunetv2_muduo.conversion.label_names import LabelScheme
from nnunetv2_muduo.conversion.options import Options
from nnunetv2_muduo.conversion.partial_files import PARTIAL_FOLDER, partial_file
from nnunetv2_muduo.conversion.planning import Findings, choose_scheme, choose_sets, foreign_labels, record_sets
from nnunetv2_muduo.conversion.pseudonyms import Pseudonyms, findings_to_keep, open_pseudonyms, telling_label
from nnunetv2_muduo.conversion.record import Record
from nnunetv2_muduo.conversion.report import REPORT_FILE, Report, without_sources
from nnunetv2_muduo.conversion.split import LEFT_OUT
from nnunetv2_muduo.conversion.write import (
    needs_no_rewriting,
    output_files,
    write_case,
)
from nnunetv2_muduo.parallel import map_jobs
from nnunetv2_muduo.storage import write_text


def convert_cases(cases: list[Case], source: Path, maps: LabelMaps | None, options: Options) -> int:
    """Convert cases into $nnUNet_raw; returns 0, or 1 where at least one case was refused.

    Raises ValueError or RuntimeError where nothing can be converted: no folders set, another dataset in the place, too
    few labeled cases, labels of unknown meaning.
    """
    record = Record(dataset_folder(options.dataset_id, options.dataset_name), options.dry_run)
    pseudonyms = open_pseudonyms(options.pseudonyms, record) if options.pseudonyms else None
    open_record(record, options, pseudonyms)
    remarks = maps.remarks(cases) if maps else ()
    if pseudonyms:
        remarks += pseudonyms.remarks(cases)
        cases = pseudonyms.rename(cases)
    case_list = CaseList(cases)
    case_list.refuse(same_names(cases))
    findings, excluded = check_all(case_list.accepted, record, options, pseudonyms)
    case_list.refuse(excluded)
    scheme = plan(case_list, findings, record, source, maps, options)
    if not options.dry_run:
        write_dataset(case_list, record, scheme, options)
    report_conversion(record, scheme, case_list.refused, options, remarks)
    return 1 if case_list.refused else 0


def open_record(record: Record, options: Options, pseudonyms: Pseudonyms | None) -> None:
    """Make the dataset's folder ready for a conversion. Raises ValueError or RuntimeError where it can't be ours."""
    settings = asdict(options.sizes) | {"seed": options.seed, "patient_regex": options.patient_regex}
    if pseudonyms:  # a regular expression may hold patients' names
        settings |= {"patient_regex": pseudonyms.hidden(options.patient_regex), "pseudonyms": pseudonyms.key_id}
    require_same_names(record, pseudonyms and pseudonyms.key_id)
    require_own_folder(record, settings)
    record.settings = settings
    if not options.dry_run:
        make_folder(record.dataset)
        if pseudonyms and record.key_id is None:
            record.note_key(pseudonyms.key_id)


def check_all(
    cases: Mapping[str, Case], record: Record, options: Options, pseudonyms: Pseudonyms | None = None
) -> tuple[dict[str, dict], dict[str, str]]:
    """(findings, refusals) by case; what an earlier call has read and is unchanged isn't read again."""
    stamps, refused = stamps_of_all(cases)
    if pseudonyms:  # stamps have paths and times
        stamps = {case_id: [pseudonyms.hidden(stamp)] for case_id, stamp in stamps.items()}
    findings = {i: known for i in stamps if (known := record.findings(i, stamps[i])) is not None}
    jobs = [(cases[case_id], options.allow_bqml) for case_id in stamps if case_id not in findings]
    for (case, _), found in map_jobs(case_check.check_case, jobs, options.n_processes, "checking"):
        if pseudonyms:
            found = told_and_kept(case, found)
        if "problem" in found:
            refused[case.case_id] = found["problem"]
        else:
            findings[case.case_id] = found
            record.note_checked(case.case_id, stamps[case.case_id], found)
    return {case_id: findings[case_id] for case_id in cases if case_id in findings}, refused


def told_and_kept(case: Case, found: dict) -> dict:
    """What may be written of a pseudonym's findings, or {"problem": text}; what may not be is said here."""
    why = found.get("problem") or telling_label(case, found)
    if why:
        return {"problem": why}
    for remark in found.get("label_remarks", ()):
        print(f"{case}: {remark}")
    return findings_to_keep(found)


def stamps_of_all(cases: Mapping[str, Case]) -> tuple[dict[str, list], dict[str, str]]:
    """(stamps of the files, refusals) by case; refused are cases whose files can't be found."""
    stamps, refused = {}, {}
    for case_id, case in cases.items():
        try:
            stamps[case_id] = case_check.case_stamps(case)
        except OSError as error:
            refused[case_id] = case.problem or str(error)
    return stamps, refused


def plan(
    case_list: CaseList,
    findings: Findings,
    record: Record,
    source: Path,
    maps: LabelMaps | None,
    options: Options,
) -> LabelScheme:
    """Name the labels, and give every case that is still accepted its set and its entry in the record."""
    with case_list.named_in_errors():
        scheme = choose_scheme(case_list.accepted, findings, source, maps, record)
        case_list.refuse(foreign_labels(findings, scheme))
        sets, without_label = choose_sets(case_list.accepted, findings, record, options)
        case_list.refuse(without_label)
    record_sets(case_list.accepted, findings, sets, record)
    return scheme


def write_dataset(case_list: CaseList, record: Record, scheme: LabelScheme, options: Options) -> None:
    """Write images, label maps, and what nnU-Net needs beside them; the record says before and after what belongs there."""
    record.save(complete=False)
    case_list.refuse(write_cases(case_list, record, scheme, options))
    case_list.refuse(write_dataset_files(record, options.name))
    record.save(complete=True)


def write_cases(case_list: CaseList, record: Record, scheme: LabelScheme, options: Options) -> dict[str, str]:
    """Write every accepted case that is not there yet; returns the refusals of those that can't be written.

    A refused case that an earlier call has written stays as it is; one that is not there leaves the record.
    """
    waiting = not_written(record)
    for case_id in waiting.keys() & case_list.refused.keys():
        del record.cases[case_id]
    refused = {}
    for jobs, n_processes in write_jobs(case_list.accepted, waiting, scheme, record, options):
        for (case, *_), result in map_jobs(write_case, jobs, n_processes, "writing"):
            if "problem" in result:
                refused[case.case_id] = result["problem"]
                del record.cases[case.case_id]
            else:
                record.note_written(case.case_id, record.cases[case.case_id]["stamps"])
    return refused


def not_written(record: Record) -> dict[str, dict]:
    """Entries of the cases whose files are not there, or were made of other files."""
    return {
        case_id: entry
        for case_id, entry in record.cases.items()
        if entry["set"] != LEFT_OUT
        and not record.is_written(case_id, entry["stamps"], output_files(case_id, entry["set"]))
    }


def write_jobs(
    cases: Mapping[str, Case], waiting: Mapping[str, dict], scheme: LabelScheme, record: Record, options: Options
) -> list[tuple[list[tuple], int]]:
    """Arguments of `write_case`, and over how many processes: links are made here, which takes less than starting one."""
    common = record.dataset, options.link
    jobs = [
        (case, (entry := waiting[i])["findings"], entry["set"], scheme.values_of(entry["findings"]), *common)
        for i, case in cases.items()
        if i in waiting
    ]
    links, others = [], []
    for job in jobs:
        (links if options.link and needs_no_rewriting(*job[:4]) else others).append(job)
    return [(links, 1), (others, options.n_processes)]


def report_conversion(
    record: Record, scheme: LabelScheme, refused: dict[str, str], options: Options, remarks: tuple[str, ...]
) -> None:
    """Print the report and keep it in the dataset's folder, there without what would name the source of pseudonyms."""
    remarks += ("**Dry run**: nothing was written.",) if options.dry_run else ()
    report = Report(options.dataset_name, record.cases, scheme, refused, options.sizes, options.seed, remarks)
    if not options.dry_run:
        kept = without_sources(report) if options.pseudonyms else report
        write_text(kept.text(), record.dataset / REPORT_FILE, partial_file(record.dataset, REPORT_FILE))
        (record.dataset / PARTIAL_FOLDER).rmdir()
    print(report.text())
