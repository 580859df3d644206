"""Pseudonyms: keyed hashes (HMAC-SHA256, RFC 2104) in place of all that names a patient, a study or a file of the source.

Without the key nobody can tell whether a name belongs to a pseudonym, not even by trying all names that there may be.
"""

import hashlib
import hmac
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from nnunetv2_muduo.conversion.cases import Case, patient_key
from nnunetv2_muduo.conversion.dicom import IN_BQML
from nnunetv2_muduo.conversion.pseudonym_key import is_open_to_others, read_key
from nnunetv2_muduo.conversion.pseudonym_table import Table, open_table, read_table, table_file
from nnunetv2_muduo.conversion.record import Record

PATIENT_DIGITS, STUDY_DIGITS = 12, 8
"""Hexadecimal: of 10 000 patients two get the same 12 digits with a probability of 2e-7, and then are refused."""
_FEWEST_TELLING_LETTERS = 4
"""Of a patient's ID or name within a label's name: shorter ones are in many names by chance."""
_DATES = tuple(
    re.compile(rf"(?<![0-9]){pattern}(?![0-9])")
    for pattern in (
        "(?P<month>[0-9]{2})-(?P<day>[0-9]{2})-(?P<year>[0-9]{4})",  # of TCIA's download tool; see `dicom_tree.study_name`
        "(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})",  # ISO 8601
        "(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",  # DICOM
    )
)
"""Dates in names of studies, the surest first."""


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms by one key."""

    key_file: Path
    secret: bytes
    keeps_table: bool = True
    """False for a call that writes nothing."""

    @property
    def key_id(self) -> str:
        """By which a data set knows its key again; it says nothing of the key."""
        return self._hash("key", "")[:PATIENT_DIGITS]

    def hidden(self, content: Any) -> str:
        """A hash in place of anything that JSON can hold: equal ones stay equal."""
        return self._hash("content", json.dumps(content))

    def of_patient(self, patient_key: str) -> str:
        """Pseudonym of a patient. A letter comes first, so that no program takes it for a number."""
        return "p" + self._hash("patient", patient_key)[:PATIENT_DIGITS]

    def of_study(self, case: Case) -> str:
        """Pseudonym of a case within its patient, or of its own where the patient is unknown."""
        n_digits = PATIENT_DIGITS if case.patient is None else STUDY_DIGITS
        return "s" + self._hash("case", case.case_id)[:n_digits]

    def rename(self, cases: Iterable[Case]) -> list[Case]:
        """The cases under their pseudonyms, sorted by these, once the table knows them.

        Raises:
            ValueError: two patients or cases get the same pseudonym.
        """
        cases = list(cases)
        if self.keeps_table:
            with open_table(self.key_file, self.key_id) as table:
                renamed = self._renamed(cases, table)
        else:
            renamed = self._renamed(cases, read_table(self.key_file, self.key_id))
        return sorted(renamed, key=lambda case: case.case_id)  # the sources' order would tell something of their names

    def remarks(self, cases: Iterable[Case]) -> tuple[str, ...]:
        """What to say on the screen: where the table is, and how cases were found, which isn't kept."""
        lines = [f"{table_file(self.key_file)} says who is who: keep it and the key apart from the data."]
        if is_open_to_others(self.key_file):
            lines.append(f"**Others may read {self.key_file}**: chmod 600 {self.key_file}")
        return (*lines, *(f"{case}: {case.remark}" for case in cases if case.remark))

    def _renamed(self, cases: list[Case], table: Table) -> list[Case]:
        dates = defaultdict(list)
        for case in cases:
            if case.patient is not None:
                dates[case.patient].append(study_date(case.name or case.study))
        for patient, of_patient in dates.items():
            table.add_patient(self.of_patient(patient_key(patient)), patient, [day for day in of_patient if day])
        renamed = [self._case(case, table) for case in cases]
        for case in renamed:
            table.add_case(case.case_id, case.original.case_id)
        return renamed

    def _case(self, case: Case, table: Table) -> Case:
        study = self.of_study(case)
        if case.patient is None:
            return replace(case, study="", name=study, remark="", person="", original=case)
        patient = self.of_patient(case.patient_key)
        days = _days_between(table.first_study(patient), study_date(case.name or case.study))
        return replace(case, patient=patient, study=study, name="", remark="", person="", days=days, original=case)

    def _hash(self, kind: str, text: str) -> str:
        return hmac.new(self.secret, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()


def open_pseudonyms(key_file: Path, record: Record) -> Pseudonyms:
    """Pseudonyms by the key in a file, which is made where it is missing and the data set has no cases by one.

    Raises:
        FileNotFoundError: the data set has cases by a key, and there is none.
        ValueError, OSError: see `read_key`.
    """
    if record.key_id and not key_file.exists():
        raise FileNotFoundError(
            f"--pseudonyms {key_file} is missing: {record.dataset} was made by a key. Give that one."
        )
    writes = not record.dry_run
    return Pseudonyms(key_file, read_key(key_file, may_be_made=writes), keeps_table=writes)


def study_date(name: str) -> date | None:
    """Day in the name of a study such as 01-23-2003-NA-PETCT-12345, 2003-01-23 or 20030123; None where it has none."""
    found = next(filter(None, (pattern.search(name) for pattern in _DATES)), None)
    try:
        return date(*(int(found[part]) for part in ("year", "month", "day"))) if found else None
    except ValueError:  # digits that are no date
        return None


def _days_between(first: date | None, day: date | None) -> int | None:
    return None if first is None or day is None else (day - first).days


def findings_to_keep(found: Mapping) -> dict:
    """What checking found of a case, without texts that quote its header or names of labels that aren't taken."""
    kept = {key: value for key, value in found.items() if key != "label_remarks"}
    if kept.get("pet_units", "").startswith(IN_BQML):
        kept["pet_units"] = IN_BQML
    return kept


def telling_label(case: Case, found: Mapping) -> str:
    """Why a case can't be taken: a label that holds the patient's ID or name; "" where none does, or labels.json chose them."""
    words = () if getattr(case.label, "wanted", ()) else _words_of_patient(case.original)
    names = [name for name in found.get("label_names", {}).values() if any(word in _letters(name) for word in words)]
    return f"the label {names[0]!r} names its patient. Say in labels.json which labels to take." if names else ""


def _words_of_patient(case: Case) -> list[str]:
    words = map(_letters, (case.patient or "", *re.split(r"[\^=,\s]+", case.person)))
    return [word for word in words if len(word) >= _FEWEST_TELLING_LETTERS]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
