"""Checksums of prepared files: they find what a disk, a copy or a hand has changed, most of which reads without an error.

The record of a case, CASE.json, holds the sha256 of each of its files, and a digest of its own fields. sha256 since anybody can
compare it (`sha256sum`), and since processors have instructions for it: it took 1.3 ms for each MB, blake2b 2.1 ms.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nnunetv2_muduo import storage
from nnunetv2_muduo.parallel import n_cores

_FILES, _OWN = "sha256", "digest"


class OncePerFile:
    """A function of files, called once for each as long as its size and time stay the same, for several at a time."""

    def __init__(self, function: Callable[[Path], Any], description: str):
        self._function, self._description = function, description
        self._known: dict[tuple, Any] = {}

    def __call__(self, files: Sequence[Path]) -> dict[Path, Any]:
        """The function's value for each file."""
        stamps = {file: _stamp(file) for file in files}
        new = {stamp: file for file, stamp in stamps.items() if stamp not in self._known}
        with ThreadPoolExecutor(n_cores()) as threads:
            values = threads.map(self._function, new.values())
            self._known |= zip(new, tqdm(values, self._description, len(new), disable=not new), strict=True)
        return {file: self._known[stamp] for file, stamp in stamps.items()}


def _stamp(file: Path) -> tuple:
    """Size and time of a file; of one that another process is replacing, the moment."""
    try:
        return tuple(storage.file_stamp(file, str(file)))
    except FileNotFoundError:
        return str(file), None, time.monotonic_ns()


def digests_of_files() -> OncePerFile:
    """sha256 of files, None for one that can't be read."""
    return OncePerFile(_digest, "Comparing checksums")


def sealed(record: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """A case's record with the checksums of its files and of its fields."""
    return _sealed(record, {file.name: storage.file_digest(file) for file in files})


def resealed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A record with other fields, whose files have not changed; one without checksums gets none."""
    return _sealed({**record, **changes}, record[_FILES]) if _FILES in record else {**record, **changes}


def is_whole(record: dict[str, Any]) -> bool:
    """Whether the fields of a record are as they were written, as far as is known."""
    return not _has_checksums(record) or record.get(_OWN) == _own_digest(record)


def compare(folder: Path, files_of: dict[str, list[Path]], digests: OncePerFile) -> tuple[dict[str, str], list[str]]:
    """Compare the files of cases with their records, `folder`/CASE.json.

    Args:
        files_of: all files of each case that are there.
        digests: of `digests_of_files`.

    Returns:
        Damaged cases, each with what is damaged; cases whose record had no checksums, as of 0.1.0, and has them now.
    """
    damaged, new = {}, []
    found = digests([file for files in files_of.values() for file in files])
    for case, files in files_of.items():
        record_file = folder / f"{case}.json"
        record, of_case = storage.read_json(record_file), {file.name: found[file] for file in files}
        if not _has_checksums(record):
            with suppress(OSError):  # where prepared data may only be read
                storage.write_json(
                    _sealed(record if isinstance(record, dict) else {"case": record}, of_case), record_file
                )
                new.append(case)
        elif not is_whole(record):
            damaged[case] = f"{record_file.name} is damaged"
        elif other := _differing(record[_FILES], of_case):
            damaged[case] = f"{other} is {'damaged' if other in of_case else 'missing'}"
    return damaged, new


def _has_checksums(record: Any) -> bool:
    return isinstance(record, dict) and bool({_FILES, _OWN} & record.keys())


def _digest(file: Path) -> str | None:
    try:
        return storage.file_digest(file)
    except OSError:
        return None


def _sealed(record: dict[str, Any], digests: dict[str, str | None]) -> dict[str, Any]:
    record = {**record, _FILES: digests}
    return {**record, _OWN: _own_digest(record)}


def _own_digest(record: dict[str, Any]) -> str:
    return storage.digest({name: value for name, value in record.items() if name != _OWN})


def _differing(written: dict[str, str], found: dict[str, str | None]) -> str | None:
    """Name of the first file that is not as it was written, or of which one record alone knows."""
    return next((name for name in sorted({*written, *found}) if written.get(name) != found.get(name)), None)
