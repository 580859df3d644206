"""Options of a conversion: what the user asks of it besides the source."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_muduo.conversion.split import SetSizes
from nnunetv2_muduo.parallel import n_cores


@dataclass(frozen=True)
class Options:
    """Name of the data set, sizes of its sets, and how it is made.

    Raises:
        ValueError: no id or name of nnU-Net's, no regular expression with a group for the patient, or
            links, which would name the sources, beside pseudonyms.
    """

    dataset_id: int
    name: str
    sizes: SetSizes = field(default_factory=SetSizes)
    seed: int = 0
    link: bool = False
    dry_run: bool = False
    n_processes: int = field(default_factory=n_cores)
    allow_bqml: bool = False
    patient_regex: str = ""
    pseudonyms: Path | None = None
    """Key file of the pseudonyms that stand in for the sources' names, if any."""

    def __post_init__(self):
        if not 1 <= self.dataset_id <= 999 or not re.fullmatch(r"\w+", self.name, re.ASCII):
            raise ValueError(
                f"A dataset is DatasetXXX_Name, XXX from 1 to 999; got {self.dataset_id} and {self.name!r}"
            )
        if self.link and self.pseudonyms:
            raise ValueError("--link makes links that name the files of the source. With --pseudonyms, use --copy.")
        try:
            n_groups = re.compile(self.patient_regex).groups
        except re.error as error:
            raise ValueError(f"--patient-regex {self.patient_regex!r} is no regular expression: {error}") from error
        if self.patient_regex and not n_groups:
            raise ValueError(f"--patient-regex {self.patient_regex!r} needs a group for the patient: '(pat[0-9]+)_'")

    @property
    def dataset_name(self) -> str:
        return f"Dataset{self.dataset_id:03d}_{self.name}"
