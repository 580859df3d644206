"""Table of pseudonyms beside their key: who is who, and when a patient was first seen, for those who may know."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from nnunetv2_muduo.conversion.cases import patient_key
from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.user_files import expecting_fields, read_user_json


def table_file(key_file: Path) -> Path:
    """The table that belongs to a key."""
    return key_file.with_name(f"{key_file.name}.table.json")


@dataclass
class Table:
    """Patients and cases by their pseudonyms; one key has one table, of all data sets."""

    key_id: str
    patients: dict[str, dict] = field(default_factory=dict)
    """`patient` as the source calls it, `first_study` as YYYY-MM-DD or None."""
    cases: dict[str, str] = field(default_factory=dict)
    """Name that the case would have without a pseudonym."""

    def add_patient(self, pseudonym: str, patient: str, dates: list[date]) -> None:
        """Note a patient; the first study is that of the first call, so that days count from it ever after.

        Raises:
            ValueError: another patient has the pseudonym.
        """
        entry = self.patients.setdefault(pseudonym, {"patient": patient, "first_study": None})
        _require_same(patient_key(entry["patient"]), patient_key(patient), pseudonym)
        if entry["first_study"] is None and dates:
            entry["first_study"] = min(dates).isoformat()

    def add_case(self, pseudonym: str, name: str) -> None:
        """Note a case. Raises ValueError where another one has the pseudonym."""
        _require_same(self.cases.setdefault(pseudonym, name), name, pseudonym)

    def first_study(self, pseudonym: str) -> date | None:
        """Day from which a patient's days count."""
        day = self.patients[pseudonym]["first_study"]
        return None if day is None else date.fromisoformat(day)


def _require_same(known: str, name: str, pseudonym: str) -> None:
    if known != name:
        raise ValueError(
            f"{known} and {name} would both be called {pseudonym}, by chance. Choose another key for --pseudonyms."
        )


def read_table(key_file: Path, key_id: str) -> Table:
    """The table of a key, empty where there is none. Raises ValueError where it is damaged or another key's."""
    path = table_file(key_file)
    if not path.is_file():
        return Table(key_id)
    content = read_user_json(path, {"key": str, "patients": dict, "cases": dict})
    if content["key"] != key_id:
        raise ValueError(f"{path} is the table of another key than {key_file}. Put the right key or table there.")
    with expecting_fields(path):
        patients = {p: {key: of[key] for key in ("patient", "first_study")} for p, of in content["patients"].items()}
    return Table(key_id, patients, content["cases"])


@contextmanager
def open_table(key_file: Path, key_id: str) -> Iterator[Table]:
    """The table of a key, to be added to; written in one step at the end, and by one call at a time."""
    path = table_file(key_file)
    with _locked(key_file):
        table = read_table(key_file, key_id)
        yield table
        content = {"key": key_id, "patients": table.patients, "cases": table.cases}
        with replacing(path) as place:
            place.touch(0o600)  # before anything is in it
            place.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _locked(key_file: Path) -> Iterator[None]:
    """Keep other calls with this key away from its table, where the system and the disk know locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with key_file.open("rb") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
