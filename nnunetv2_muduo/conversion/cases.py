"""PET/CT cases before conversion, and the names that they get."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

AUTOPET_NAME = re.compile(r"^(PETCT|petct|fdg|psma)_([0-9a-f]+)(?:_(.+?))?_*$")
MAX_NAME_LENGTH = 150


@dataclass(frozen=True)
class Case:
    """One PET/CT study as found in the source; `ct`, `pet` and `label` are sources (see sources.py)."""

    patient: str | None
    """None where the source doesn't say it; then nothing is known about which cases are of one patient."""
    study: str
    ct: Any
    pet: Any
    label: Any = None
    ct_may_be_resampled: bool = False
    """True where the CT is expected on its own grid; a CT that claims to be on the PET's grid must be."""
    problem: str = ""
    """Why the case is refused without being read, if it is."""
    remark: str = ""
    """What the report should say of how the case was found."""
    name: str = ""
    """What the source calls the case, where that isn't patient and study."""
    person: str = ""
    """Name of the patient where the source tells it, by which labels are known that tell it too; it is never written."""
    days: int | None = None
    """Days from the patient's first study, where a pseudonym stands in for the study's date."""
    original: "Case | None" = None
    """The case under its own name, where it has a pseudonym. Messages name it; no file may."""

    def __str__(self) -> str:
        return str(self.original) if self.original else self.name or f"{self.patient}/{self.study}"

    @property
    def case_id(self) -> str:
        if self.name:
            return safe_name(self.name)
        return "_".join(filter(None, (safe_name(self.patient), safe_name(self.study))))

    @property
    def patient_key(self) -> str | None:
        return None if self.patient is None else patient_key(self.patient)

    @property
    def match_key(self) -> str:
        return safe_name(self.name) if self.name else match_key(self.patient, self.study)


def safe_name(text: str) -> str:
    """Lower-case file name of letters, digits, dash and underscore.

    Blanks, dots and everything else become one dash. Letters that ASCII can't show, and the end of very long names,
    are stood in for by a short hash, so that different names stay different.
    """
    folded = unicodedata.normalize("NFKD", text)
    ascii_text = folded.encode("ascii", "ignore").decode()
    name = re.sub(r"-+", "-", re.sub(r"[^a-z0-9_-]", "-", ascii_text.lower())).strip("-_")
    lost_letters = any(character.isalnum() and not character.isascii() for character in folded)
    if lost_letters or len(name) > MAX_NAME_LENGTH:
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        name = f"{name[:MAX_NAME_LENGTH]}-{digest}".lstrip("-")
    return name


def patient_key(patient: str) -> str:
    """The name under which a patient is the same in all of AutoPET's editions (PETCT_x, fdg_x and psma_x are one)."""
    match = AUTOPET_NAME.match(patient)
    return match.group(2) if match else safe_name(patient)


def match_key(patient: str, study: str) -> str:
    """The name under which images and label maps of different editions find each other."""
    return "_".join(filter(None, (patient_key(patient), safe_name(study))))


def split_autopet_name(stem: str) -> tuple[str, str] | None:
    """(patient, study) of a flat file name such as `fdg_<hex>_<study>` or `PETCT_<hex>_<study>_`; None for others."""
    match = AUTOPET_NAME.match(stem)
    return (f"{match.group(1)}_{match.group(2)}", match.group(3) or "") if match else None
