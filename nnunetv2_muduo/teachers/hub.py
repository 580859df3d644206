"""Public weights from the Hugging Face Hub, or from its cache on this machine."""

from pathlib import Path

from nnunetv2_muduo.teachers.registry import PublicTeacher


def fetch(name: str, spec: PublicTeacher) -> Path:
    """Path of the weights of `spec`, downloaded at its revision unless they are cached; honors HF_HUB_OFFLINE.

    Raises FileNotFoundError, with the commands that help, where they are neither cached nor reachable.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(spec.repo_id, spec.file_name, revision=spec.revision))
    except (OSError, ValueError) as error:  # what the hub's errors derive from: offline, no such file, HTTP
        raise FileNotFoundError(_how_to_get(name, spec, error)) from error


def _how_to_get(name: str, spec: PublicTeacher, error: Exception) -> str:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    download = f"hf download {spec.repo_id} {spec.file_name} --revision {spec.revision}"
    return (
        f"the weights of teacher '{name}' are not on this machine and could not be downloaded ({reason[0]}).\n"
        f"With network access, run\n    {download}\n"
        f"For a machine without, run\n    {download} --local-dir .\nelsewhere, copy the file, and set in your MuDuo "
        f"config\n    {spec.modality}_teacher: /path/to/{spec.file_name}"
    )
