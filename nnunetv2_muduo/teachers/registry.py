"""Registry of the teachers that have a name. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SMALL_TEACHERS = Path(__file__).parent / "small"


@dataclass(frozen=True)
class PublicTeacher:
    """Public weights on the Hugging Face Hub."""

    repo_id: str
    file_name: str
    revision: str
    """Commit of the Hub repository that is downloaded."""
    sha256: str | None
    """Digest that the file must have; None where none is on record."""
    modality: Literal["ct", "pet"]
    license: str
    """Of the weights, as far as their authors state one."""


@dataclass(frozen=True)
class SmallTeacher:
    """A small network of this package's own, trained on synthetic images (`small/MODEL_CARD.md`); for demo and tests."""

    path: Path
    modality: Literal["ct", "pet"]
    license: str = "Apache-2.0"


TEACHERS: dict[str, PublicTeacher | SmallTeacher] = {
    "sam_med3d": PublicTeacher(
        repo_id="blueyo0/SAM-Med3D",
        file_name="sam_med3d_turbo.pth",
        revision="fc482a040ea69cdc9ae576a1d6bd9db02ab1994c",
        sha256=None,
        modality="ct",
        license="Apache-2.0 (as the SAM-Med3D code)",
    ),
    "seganypet": PublicTeacher(
        repo_id="YichiZhang98/SegAnyPET",
        file_name="seganypet_v1.pth",
        revision="main",  # a branch, which may move: no commit hash of this repository is on record yet
        sha256=None,
        modality="pet",
        license="none stated; ask the authors before any use beyond research",
    ),
    "small_ct": SmallTeacher(path=SMALL_TEACHERS / "ct.safetensors", modality="ct"),
    "small_pet": SmallTeacher(path=SMALL_TEACHERS / "pet.safetensors", modality="pet"),
}

PUBLIC = {spec.modality: name for name, spec in TEACHERS.items() if isinstance(spec, PublicTeacher)}
"""Name of the public teacher of each modality."""
