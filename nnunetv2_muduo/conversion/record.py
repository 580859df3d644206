"""Record of a conversion: `muduo_cases.json`, where every case came from, and the journal by which a stopped one goes on.

The journal is a file of JSON lines beside it, one per case checked or written; it is gone once a conversion is complete.
"""

import json
from pathlib import Path

from nnunetv2_muduo.conversion.cases import patient_key, split_autopet_name
from nnunetv2_muduo.conversion.partial_files import partial_file
from nnunetv2_muduo.storage import naming_file, write_json
from nnunetv2_muduo.user_files import expecting_fields, read_user_json

RECORD_FILE = "muduo_cases.json"
JOURNAL_FILE = ".muduo_journal.jsonl"
CHECKED, WRITTEN, KEY = "checked", "written", "key"
BQ_PER_ML = "Bq/ml"
"""Unit that the findings of a case name, under `pet_unit`, where its PET is not in SUV."""


def recorded_cases(dataset: Path) -> dict[str, dict]:
    """Entries of muduo_cases.json by case; empty where there is none. Raises ValueError where it is no such file."""
    path = dataset / RECORD_FILE
    cases = read_user_json(path, {"cases": dict})["cases"] if path.is_file() else {}
    for case, entry in cases.items():
        if not isinstance(entry, dict):
            raise ValueError(
                f"{path}: the entry of case {case!r} must be an object {{...}}. Correct or remove the file."
            )
    return cases


def known_patients(dataset: Path, cases: set[str]) -> dict[str, str]:
    """Patient by case, from the dataset's record, else from names of AutoPET; cases of unknown patients are left out."""
    record = recorded_cases(dataset)
    with expecting_fields(dataset / RECORD_FILE):
        known = {case: key for case in cases & record.keys() if (key := record[case]["patient_key"]) is not None}
    named = {case: patient_key(name[0]) for case in cases - record.keys() if (name := split_autopet_name(case))}
    return known | named


class Record:
    """What is known of a dataset folder from earlier calls, and what this call adds; kept in memory alone if `dry_run`."""

    def __init__(self, dataset: Path, dry_run: bool = False):
        self.dataset = dataset
        self.dry_run = dry_run
        self.settings: dict = {}
        self.labels: dict = {}
        self.cases: dict[str, dict] = {}
        self.key_id: str | None = None
        """Of the key of the cases' pseudonyms; None where they have their own names."""
        self._checked: dict[str, dict] = {}
        self._written: dict[str, list] = {}
        self._journal_ends_whole = True
        self._load()

    @property
    def exists(self) -> bool:
        return (self.dataset / RECORD_FILE).exists() or (self.dataset / JOURNAL_FILE).exists()

    def _load(self) -> None:
        path = self.dataset / RECORD_FILE
        if path.exists():
            content = read_user_json(path, {"settings": dict, "labels": dict, "cases": dict, "complete": bool})
            self.settings, self.labels, self.cases = content["settings"], content["labels"], content["cases"]
            self.key_id = self.settings.get("pseudonyms")
            for case_id, entry in self.cases.items():
                self._checked[case_id] = {"stamps": entry["stamps"], "findings": entry["findings"]}
                if content["complete"]:
                    self._written[case_id] = entry["stamps"]
        for line in self._journal_lines():
            if line["what"] == KEY:
                self.key_id = line["id"]
            elif line["what"] == CHECKED:
                self._checked[line["case"]] = line
            else:
                self._written[line["case"]] = line["stamps"]

    def _journal_lines(self):
        path = self.dataset / JOURNAL_FILE
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        self._journal_ends_whole = not text or text.endswith("\n")
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # the line that was being written when the process was killed
                continue

    def findings(self, case_id: str, stamps: list) -> dict | None:
        """Findings of an earlier check, if the files are the same as then and it looked at uptake and copies, as 0.1 did not."""
        known = self._checked.get(case_id)
        if not known or known["stamps"] != stamps:
            return None
        found = known["findings"]
        return found if found.keys() & {"uptake", "pet_unit"} and "voxels" in found else None

    def stamps(self, case_id: str) -> list:
        """Stamps of a checked case's files, as they were when they were read."""
        return self._checked[case_id]["stamps"]

    def is_written(self, case_id: str, stamps: list, files: dict[str, str]) -> bool:
        """True where an earlier call converted the same files and the results are still there."""
        return self._written.get(case_id) == stamps and all((self.dataset / f).exists() for f in files.values())

    def note_key(self, key_id: str) -> None:
        self.key_id = key_id
        self._append({"what": KEY, "id": key_id})

    def note_checked(self, case_id: str, stamps: list, findings: dict) -> None:
        self._checked[case_id] = {"stamps": stamps, "findings": findings}
        self._append({"what": CHECKED, "case": case_id, "stamps": stamps, "findings": findings})

    def note_written(self, case_id: str, stamps: list) -> None:
        self._append({"what": WRITTEN, "case": case_id, "stamps": stamps})

    def _append(self, line: dict) -> None:
        if self.dry_run:
            return
        path = self.dataset / JOURNAL_FILE
        with naming_file(path), path.open("a", encoding="utf-8") as journal:
            journal.write(("" if self._journal_ends_whole else "\n") + json.dumps(line) + "\n")
        self._journal_ends_whole = True

    def save(self, complete: bool) -> None:
        """Write muduo_cases.json in one step; a complete one makes the journal superfluous."""
        content = {
            "complete": complete,
            "settings": self.settings,
            "labels": self.labels,
            "cases": dict(sorted(self.cases.items())),
        }
        write_json(content, self.dataset / RECORD_FILE, partial_file(self.dataset, RECORD_FILE))
        if complete:
            (self.dataset / JOURNAL_FILE).unlink(missing_ok=True)
