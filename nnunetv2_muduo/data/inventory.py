"""What has been prepared for a data set, who uses it, and how large it is: `muduo prepare --list` and `--clean`."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nnunetv2_muduo.checkpoints import FINAL, resumable
from nnunetv2_muduo.data.generator_folders import FINE_TUNED_SAM, FINE_TUNER
from nnunetv2_muduo.data.generator_identity import stored_state
from nnunetv2_muduo.data.prompt_maps import N_ID_DIGITS, read_made_by
from nnunetv2_muduo.data.students import Student, find_students, stem_of
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.storage import file_digest

_MAPS = "prompt_maps"
GENERATOR, MAPS, CASES, SAM = "prompt generator", "prompt maps", "prepared cases", "fine-tuned SAM"
_OF_A_TRAINER = (GENERATOR, SAM)  # whose folders are named as nnU-Net names those of models


@dataclass(frozen=True)
class Prepared:
    """A prompt generator, its prompt maps, a fine-tuned SAM, or the prepared unlabeled cases of a configuration."""

    kind: str
    folder: Path
    what: str
    """ID, fold and what it was made from; how many."""
    users: tuple[str, ...]
    """Trainings that use it, and processes that are at it."""

    @property
    def n_bytes(self) -> int:
        """Size of its files."""
        total = 0
        for file in self._files():
            with suppress(FileNotFoundError):  # renamed meanwhile
                total += file.stat().st_size
        return total

    def remove(self) -> None:
        """Remove its files, and folders that are empty then."""
        for file in list(self._files()):
            file.unlink(missing_ok=True)
        inner = sorted((path for path in self.folder.rglob("*") if path.is_dir()), reverse=True)
        for folder in (*inner, self.folder, self.folder.parent if self.kind in _OF_A_TRAINER else self.folder):
            self._remove_if_empty(folder)

    def _remove_if_empty(self, folder: Path) -> None:
        left = {path.name for path in folder.iterdir()} if folder.is_dir() else {"nothing to remove"}
        if (
            self.kind in _OF_A_TRAINER
            and folder == self.folder.parent
            and left <= _OF_A_MODEL | {f"{self.folder.name}.lock"}
        ):
            shutil.rmtree(folder)
        elif not left:
            folder.rmdir()

    def _files(self) -> Iterator[Path]:
        for file in self.folder.rglob("*"):
            if file.is_file() and not (self.kind == CASES and _MAPS in file.relative_to(self.folder).parts):
                yield file


_OF_A_MODEL = {"plans.json", "dataset.json", "dataset_fingerprint.json"}


def inventory(results: Path, preprocessed: Path) -> list[Prepared]:
    """Everything prepared for a data set.

    Args:
        results, preprocessed: the data set's folders.
    """
    students = find_students(results, preprocessed)
    busy = _at_work(lock for cases in preprocessed.glob("*_unlabeled") for lock in cases.glob(".*.lock"))
    folders = [folder for folder in sorted(results.glob("*__*__*/*fold_*")) if folder.is_dir()]
    found = [_generator(folder, students, busy) or _sam(folder, students, busy) for folder in folders]
    for cases in sorted(preprocessed.glob("*_unlabeled")):
        found += [_maps(folder, students, busy) for folder in sorted((cases / _MAPS).glob("*__*"))]
        users = [student.name for student in students if student.unlabeled_folder in (cases.name, "")]
        what = f"{len(UnlabeledDataset.get_identifiers(cases))} cases"
        found.append(Prepared(CASES, cases, what, (*users, *busy)))
    return [prepared for prepared in found if prepared is not None]


def _generator(folder: Path, students: list[Student], busy: list[str]) -> Prepared | None:
    checkpoints = resumable(folder)
    state = stored_state(checkpoints[0]) if checkpoints else {}
    if "generator_id" not in state:
        return None
    stem = stem_of(folder)
    unfinished = "" if checkpoints[0].name == FINAL else ", unfinished"
    users = _users(state["generator_id"], stem, students)
    what = f"{_described(state['generator_id'], state['generator'])}{unfinished}"
    busy = busy or _at_work([folder.with_suffix(".lock")])
    return Prepared(GENERATOR, folder, f"{folder.name}, {what}", (*users, *busy))


def _sam(folder: Path, students: list[Student], busy: list[str]) -> Prepared | None:
    if not folder.parent.name.startswith(f"{FINE_TUNER}-"):
        return None
    file = folder / FINE_TUNED_SAM
    sha256 = file_digest(file) if file.is_file() else ""
    users = [student.name for student in students if student.uses_sam(sha256 or "unfinished", stem_of(folder))]
    what = f"{folder.name}, sha256 {sha256[:N_ID_DIGITS] or 'of none yet: unfinished'}"
    return Prepared(SAM, folder, what, (*users, *(busy or _at_work([folder.with_suffix(".lock")]))))


def _maps(folder: Path, students: list[Student], busy: list[str]) -> Prepared:
    made_by = read_made_by(folder)
    _, plans, configuration, fold, *_ = [*folder.name.split("__"), "", "", ""]
    users = _users(made_by["id"], f"{plans}__{configuration}__{fold}", students)
    n_maps = len(list(folder.glob("*.b2nd")))
    what = f"{fold}, {n_maps} maps of {_described(made_by['id'], made_by['generator'])}"
    busy = busy or _at_work(folder.glob(".*.lock"))
    return Prepared(MAPS, folder, what, (*users, *busy))


def _users(generator_id: str, stem: str, students: list[Student]) -> list[str]:
    return [student.name for student in students if student.uses(generator_id, stem)]


def _described(generator_id: str, identity: dict[str, Any]) -> str:
    """ID of a generator, and in words what it was made from."""
    epochs, iterations, *chosen = identity.get("schedule", ["?", "?"])
    n_labeled = len(identity.get("labels", {}))
    made_from = f"{n_labeled} labeled cases, {epochs} epochs of {iterations} iterations, {', '.join(map(str, chosen))}"
    return f"{generator_id[:N_ID_DIGITS] or '?'} (made from {made_from})"


def _at_work(locks) -> list[str]:
    return ["a preparation that is at work"] if any(map(_is_held, locks)) else []


def _is_held(lock_file: Path) -> bool:
    if not lock_file.is_file():
        return False
    with suppress(Timeout, OSError), FileLock(lock_file).acquire(timeout=0):  # not ours to try: taken for held
        return False
    return True


def size(n_bytes: int) -> str:
    """A number of bytes for reading."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
