"""The story of a conversion: check every case, name the labels, draw the sets, write the cases, report."""

import os
import re
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nnunetv2_muduo.dataset_conversion.cases import Case
from nnunetv2_muduo.dataset_conversion.label_maps import LabelMaps
from nnunetv2_muduo.dataset_conversion.label_names import LabelScheme, find_names_file, guess_scheme, read_scheme
from nnunetv2_muduo.dataset_conversion.pool import map_cases, n_cores
from nnunetv2_muduo.dataset_conversion.record import Record, write_json
from nnunetv2_muduo.dataset_conversion.report import REPORT_FILE, Report
from nnunetv2_muduo.dataset_conversion.split import (
    LABELED,
    LEFT_OUT,
    SETS,
    TEST,
    UNLABELED,
    VAL,
    Candidate,
    SetSizes,
    draw_sets,
    shared_patients,
)
from nnunetv2_muduo.dataset_conversion.write import PARTIAL_FOLDER, output_files, with_partial_file, write_case


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

    def __post_init__(self):
        if not 1 <= self.dataset_id <= 999 or not re.fullmatch(r"\w+", self.name, re.ASCII):
            raise ValueError(
                f"A dataset is DatasetXXX_Name, XXX from 1 to 999; got {self.dataset_id} and {self.name!r}"
            )

    @property
    def dataset_name(self) -> str:
        return f"Dataset{self.dataset_id:03d}_{self.name}"


def convert_cases(cases: list[Case], source: Path, maps: LabelMaps | None, options: Options) -> int:
    """Convert cases into $nnUNet_raw; returns 0, or 1 where at least one case was refused.

    Raises ValueError or RuntimeError where nothing can be converted: no folders set, another dataset in the place, too
    few labelled cases, labels of unknown meaning.
    """
    dataset = dataset_folder(options)
    record = Record(dataset)
    require_own_folder(dataset, record, options)
    duplicates = refuse_duplicates(cases)
    cases_by_id = {case.case_id: case for case in cases if case.case_id not in duplicates}
    findings, refused = check_all(cases_by_id, record, options)
    refused |= duplicates
    scheme = choose_scheme(cases_by_id, findings, source, maps, record)
    refused |= refuse_foreign_labels(findings, scheme)
    plan_sets(record, cases_by_id, {k: f for k, f in findings.items() if k not in refused}, scheme, options)
    if not options.dry_run:
        record.save(complete=False)
        refused |= write_all(cases_by_id, record, scheme, options)
        finish(record, options)
    report_conversion(record, scheme, refused, options)
    return 1 if refused else 0


def dataset_folder(options: Options) -> Path:
    """Folder of the dataset below $nnUNet_raw. Raises RuntimeError where the id belongs to another dataset."""
    if "nnUNet_raw" not in os.environ:
        raise RuntimeError(
            "nnUNet_raw is not set. Export the folder of nnU-Net's raw datasets: export nnUNet_raw=/path"
        )
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        for other in Path(os.environ.get(variable, os.devnull)).glob(f"Dataset{options.dataset_id:03d}_*"):
            if other.name != options.dataset_name:
                raise RuntimeError(f"Id {options.dataset_id} belongs to {other}. Choose another -d, or its --name.")
    return Path(os.environ["nnUNet_raw"]) / options.dataset_name


def require_own_folder(dataset: Path, record: Record, options: Options) -> None:
    """Make the folder ready. Raises RuntimeError where it holds another dataset, or was made with other settings."""
    if dataset.exists() and any(dataset.iterdir()) and not record.exists:
        raise RuntimeError(f"{dataset} holds a dataset that `muduo convert` didn't make. Choose another -d or --name.")
    settings = asdict(options.sizes) | {"seed": options.seed}
    if record.settings and record.settings != settings:
        raise ValueError(f"{dataset} was made with {record.settings}, not {settings}. Choose another -d, or the same.")
    record.settings = settings
    if not options.dry_run:
        dataset.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(dataset / PARTIAL_FOLDER, ignore_errors=True)


def refuse_duplicates(cases: list[Case]) -> dict[str, str]:
    """Names that several cases would get, with the reason for which all of these are refused."""
    by_id: dict[str, list[Case]] = {}
    for case in cases:
        by_id.setdefault(case.case_id, []).append(case)
    return {
        case_id: f"{len(same)} cases would get this name: " + ", ".join(f"{c.patient}/{c.study}" for c in same)
        for case_id, same in by_id.items()
        if len(same) > 1
    }


def check_all(cases: dict[str, Case], record: Record, options: Options) -> tuple[dict[str, dict], dict[str, str]]:
    """(findings, refusals) of all cases; what an earlier call has read and is unchanged isn't read again."""
    from nnunetv2_muduo.dataset_conversion.check import check_case, file_stamps

    stamps = {case_id: file_stamps(case) for case_id, case in cases.items()}
    findings = {i: known for i in cases if (known := record.findings(i, stamps[i])) is not None}
    jobs = [(case, options.allow_bqml) for case_id, case in cases.items() if case_id not in findings]
    refused = {}
    for (case, _), found in map_cases(check_case, jobs, options.n_processes, "checking"):
        if "problem" in found:
            refused[case.case_id] = found["problem"]
            continue
        findings[case.case_id] = found
        if not options.dry_run:
            record.note_checked(case.case_id, stamps[case.case_id], found)
    return {case_id: findings[case_id] for case_id in cases if case_id in findings}, refused


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
            raise ValueError(f"No case below {source} has a label map. Give them with --labels.")
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


def plan_sets(
    record: Record, cases: dict[str, Case], findings: dict[str, dict], scheme: LabelScheme, options: Options
) -> None:
    """Give every accepted case its set and its entry in the record."""
    from nnunetv2_muduo.dataset_conversion.check import file_stamps

    candidates = [Candidate(i, cases[i].patient_key, "labels" in found) for i, found in findings.items()]
    previous = {case_id: (entry["patient_key"], entry["set"]) for case_id, entry in record.cases.items()}
    sets = draw_sets(candidates, options.sizes, options.seed, previous)
    for case_id, found in findings.items():
        case = cases[case_id]
        record.cases[case_id] = {
            "set": sets[case_id],
            "patient": case.patient,
            "patient_key": case.patient_key,
            "study": case.study,
            "origin": {role: str(getattr(case, role)) for role in ("ct", "pet", "label") if getattr(case, role)},
            "stamps": file_stamps(case),
            "findings": found,
        }
    patients = {name: {e["patient_key"] for e in record.cases.values() if e["set"] == name} for name in SETS}
    assert not any(shared_patients(patients).values()), "a patient stands in two sets"


def write_all(cases: dict[str, Case], record: Record, scheme: LabelScheme, options: Options) -> dict[str, str]:
    """Write every case of this call that isn't there yet; returns refusals."""
    value_map = dict(scheme.value_map)
    jobs = []
    for case_id, entry in record.cases.items():
        if case_id not in cases or entry["set"] == LEFT_OUT:
            continue
        if not record.is_written(case_id, entry["stamps"], output_files(case_id, entry["set"])):
            jobs.append((cases[case_id], entry["findings"], entry["set"], value_map, record.dataset, options.link))
    refused = {}
    for (case, *_), result in map_cases(write_case, jobs, options.n_processes, "writing"):
        if "problem" in result:
            refused[case.case_id] = result["problem"]
            del record.cases[case.case_id]
        else:
            record.note_written(case.case_id, record.cases[case.case_id]["stamps"])
    return refused


def finish(record: Record, options: Options) -> None:
    """Write what nnU-Net needs beside the images, then the complete record."""
    members = {name: sorted(i for i, entry in record.cases.items() if entry["set"] == name) for name in SETS}
    dataset_json = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": record.labels,
        "numTraining": len(members[LABELED]) + len(members[VAL]),
        "file_ending": ".nii.gz",
        "name": options.name,
    }
    for folder in ("imagesTr", "labelsTr"):
        (record.dataset / folder).mkdir(exist_ok=True)
    write_json(record.dataset, "dataset.json", dataset_json)
    splits = [{"train": members[LABELED], "val": members[VAL] or members[LABELED]}]
    write_json(record.dataset, "splits_final.json", splits)
    if "nnUNet_preprocessed" in os.environ:
        preprocessed = Path(os.environ["nnUNet_preprocessed"]) / record.dataset.name
        preprocessed.mkdir(parents=True, exist_ok=True)
        write_json(preprocessed, "splits_final.json", splits)
        (preprocessed / PARTIAL_FOLDER).rmdir()
    record.save(complete=True)


def report_conversion(record: Record, scheme: LabelScheme, refused: dict[str, str], options: Options) -> None:
    """Print the report and keep it in the dataset's folder."""
    remarks = remarks_on(record, options)
    text = Report(options.dataset_name, record.cases, scheme.origin, refused, remarks).text()
    if not options.dry_run:
        with_partial_file(record.dataset, REPORT_FILE, lambda path: path.write_text(text, encoding="utf-8"))
        shutil.rmtree(record.dataset / PARTIAL_FOLDER, ignore_errors=True)
    print(text)


def remarks_on(record: Record, options: Options) -> list[str]:
    """What the user should know besides the tables."""
    n_cases = Counter(entry["set"] for entry in record.cases.values())
    remarks = [f"seed {options.seed}; train with fold 0, the only split: a fold beyond it would be drawn at random"]
    if options.dry_run:
        remarks.append("dry run: nothing was written")
    if not options.sizes.val:
        remarks.append("no val cases asked for: nnU-Net validates on the labelled cases themselves")
    for name in (LABELED, VAL, TEST):
        if n_cases[name] < getattr(options.sizes, name):
            remarks.append(f"only {n_cases[name]} of {getattr(options.sizes, name)} {name} cases were converted")
    if not n_cases[UNLABELED]:
        remarks.append("there are no unlabelled cases: nothing for the teachers to teach on")
    if "nnUNet_preprocessed" not in os.environ:
        remarks.append("nnUNet_preprocessed is not set: copy splits_final.json there, into the dataset's folder")
    return remarks
