"""Public weights from the Hugging Face Hub, or from its cache on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2_muduo.teachers.first_sight import revision_to_fetch
from nnunetv2_muduo.teachers.registry import PublicTeacher

SECONDS_TO_ANSWER = 5


def fetch(name: str, spec: PublicTeacher) -> Path:
    """Path of the weights of `spec`, downloaded unless they are cached; honors HF_HUB_OFFLINE.

    Raises:
        FileNotFoundError: neither cached nor reachable; with the commands that help.
        ValueError: the record of what was seen first is damaged.
    """
    from huggingface_hub import hf_hub_download

    revision = revision_to_fetch(spec)
    if cached := _cached(spec, revision):
        return cached
    try:
        with _offline_unless_the_hub_answers():
            return Path(hf_hub_download(spec.repo_id, spec.file_name, revision=revision))
    except (OSError, ValueError) as error:  # what the hub's errors derive from: offline, no such file, HTTP
        raise FileNotFoundError(_how_to_get(name, spec, error)) from error


def _cached(spec: PublicTeacher, revision: str) -> Path | None:
    from huggingface_hub import constants, try_to_load_from_cache

    path = try_to_load_from_cache(spec.repo_id, spec.file_name, cache_dir=constants.HF_HUB_CACHE, revision=revision)
    return Path(path) if isinstance(path, str) else None


@contextmanager
def _offline_unless_the_hub_answers() -> Iterator[None]:
    """Ask the hub once: its client asks one that doesn't answer six times, for up to a minute and a half."""
    from huggingface_hub import constants, get_session

    before = constants.HF_HUB_OFFLINE
    try:
        if not before:
            get_session().head(constants.ENDPOINT, timeout=SECONDS_TO_ANSWER)
    except Exception:  # of whatever library the client speaks HTTP with
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _how_to_get(name: str, spec: PublicTeacher, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    command = f"muduo teacher fetch {spec.modality}"
    download = f"hf download {spec.repo_id} {spec.file_name} --revision {spec.revision}"
    return (
        f"the weights of teacher '{name}' are not on this machine and could not be downloaded ({reason}).\n"
        f"Where there is network, run\n    {command}\nbefore the training. For a machine without, run it (or {download} "
        f"--local-dir .) elsewhere, copy the file, and set in your MuDuo config\n"
        f"    {spec.modality}_teacher: /path/to/{spec.file_name}"
    )
