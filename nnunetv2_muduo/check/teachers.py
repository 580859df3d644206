"""Checks of the teachers: each is fetched, opened and compared, as a training does."""

from pathlib import Path

from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.config import MuDuoConfig

N_DIGITS_SHOWN = 12
"""Of a sha256."""


def check_teachers(config: MuDuoConfig) -> list[Finding]:
    """A finding for each teacher of the config, and one on their image sizes where these don't fit."""
    from nnunetv2_muduo.teachers.ensemble import require_patch_of_teachers, teacher_source

    findings, sizes = [], {}
    for modality in config.modalities:
        found, size = check_teacher(modality, teacher_source(config, modality))
        findings.append(found)
        sizes |= {modality: size} if size is not None else {}
    try:
        if sizes:
            require_patch_of_teachers(config, sizes)
    except ValueError as error:
        findings.append(finding("image size", "", problem=str(error)))
    return findings


def check_teacher(modality: str, source: str) -> tuple[Finding, int | None]:
    """What is found in a teacher's file, and the edge of its image in voxels; None where it can't be used."""
    from nnunetv2_muduo.teachers.registry import TEACHERS, SmallTeacher
    from nnunetv2_muduo.teachers.weights import inspect_teacher

    subject, spec = f"{modality.upper()} teacher", TEACHERS.get(source)
    if spec is not None and spec.modality != modality:
        problem = f"it is for {spec.modality.upper()}: were the two teachers exchanged?"
        return finding(subject, source, problem=problem), None
    if spec is None and not Path(source).expanduser().is_file():
        return finding(subject, source, problem=f"no such file, and none of {', '.join(TEACHERS)}"), None
    try:
        teacher = inspect_teacher(source, modality)
    except (OSError, ValueError) as error:
        return finding(subject, source, problem=str(error)), None
    found = (
        f"{source}: {teacher.path}, image of {teacher.image_size} voxels, sha256 {teacher.sha256[:N_DIGITS_SHOWN]}..."
    )
    warning = "it knows synthetic images alone, for trying out only" if isinstance(spec, SmallTeacher) else ""
    return finding(subject, found, warning=warning), teacher.image_size
