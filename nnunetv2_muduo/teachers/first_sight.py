"""Record of public weights as they were first seen on this machine: one revision is one file, for good.

It lies beside the Hub's cache. A branch is kept at the commit that it had at first sight, so that a training on this machine
doesn't get other teachers because the branch has moved.
"""

import time
from pathlib import Path
from typing import Any

from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.teachers.registry import PublicTeacher
from nnunetv2_muduo.user_files import read_user_json

RECORD_NAME = "muduo_teachers.json"


def record_file() -> Path:
    """Where the record lies: beside the Hub's cache, which HF_HOME or HF_HUB_CACHE name."""
    return _cache().parent / RECORD_NAME


def revision_to_fetch(spec: PublicTeacher) -> str:
    """The commit that was seen first, else the registry's revision. Raises ValueError where the record is damaged."""
    return _entry(spec).get("commit") or spec.revision


def require_as_first_seen(spec: PublicTeacher, path: Path, sha256: str) -> None:
    """Compare weights in the Hub's cache with what was seen first of their revision; record them where nothing was.

    Raises:
        ValueError: the revision had another sha256, or the record is damaged.
    """
    entry = _entry(spec)
    if entry and entry.get("sha256") != sha256:
        raise ValueError(
            f"teacher weights {path} have sha256 {sha256}, but revision {spec.revision} of {spec.repo_id} had "
            f"{entry.get('sha256')} when it was first seen ({entry.get('first_seen')}, {record_file()}). One revision is one "
            f"file: delete the weights so that they are downloaded again. Remove the entry from the record if you trust them"
        )
    if not entry and (commit := commit_of(path)) is not None:
        _record(spec, {"commit": commit, "sha256": sha256, "first_seen": time.strftime("%Y-%m-%d")})


def commit_of(path: Path) -> str | None:
    """Commit of a file in the Hub's cache (models--OWNER--NAME/snapshots/COMMIT/FILE), None for a file elsewhere."""
    in_cache = _cache() in path.parents and len(path.parts) > 3 and path.parts[-3] == "snapshots"
    return path.parts[-2] if in_cache else None


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def _key(spec: PublicTeacher) -> str:
    return f"{spec.repo_id}/{spec.file_name}@{spec.revision}"


def _entry(spec: PublicTeacher) -> dict[str, Any]:
    path = record_file()
    entry = read_user_json(path).get(_key(spec), {}) if path.is_file() else {}
    if not isinstance(entry, dict):
        raise ValueError(f"{path}: {_key(spec)!r} must be an object {{...}}. Correct or remove the file.")
    return entry


def _record(spec: PublicTeacher, entry: dict[str, str]) -> None:
    path = record_file()
    before = read_user_json(path) if path.is_file() else {}
    try:
        write_json({**before, _key(spec): entry}, path)
    except OSError as error:  # a cache that several people share may only be read
        print(f"{path} can't be written ({error.strerror}): the sha256 of {spec.file_name} is not recorded.")
