"""The teachers that a session can ask, by name, by file or as a threshold."""

from pathlib import Path

from nnunetv2_muduo.prompting.answers import Promptable
from nnunetv2_muduo.prompting.thresholds import ThresholdTeacher

THRESHOLD = "threshold:"
PUBLIC_SPACING_MM, SMALL_SPACING_MM = 1.5, 11.0
"""Voxels that the networks were trained at: as published, and in the middle of 10 to 12 mm."""


def promptable(
    source: str | Path, modality: str | None = None, spacing_mm: float | None = None, device: str = "cpu"
) -> Promptable:
    """A teacher as a session asks it.

    Args:
        source: `threshold:0.41` (share of the SUVmax), `threshold:4` (an SUV), or as of `load_teacher`.
        modality: "ct" or "pet"; needed where neither name nor file tells.
        spacing_mm: voxel size that the network was trained at; None: what is known of the public ones and the package's own.

    Raises:
        FileNotFoundError, ValueError: as of `load_teacher`; or no such threshold, modality or spacing.
    """
    known = modality_of_teacher(source, modality)
    if str(source).startswith(THRESHOLD):
        return ThresholdTeacher(_threshold(str(source)))
    from nnunetv2_muduo.prompting.network import NetworkTeacher
    from nnunetv2_muduo.teachers.weights import load_teacher

    network = load_teacher(source, device, modality)
    return NetworkTeacher(network, known, spacing_mm or _known_spacing_mm(source, network.config))


def modality_of_teacher(source: str | Path, modality: str | None = None) -> str:
    """What a teacher is for, "ct" or "pet"; no public weights are downloaded for that.

    Args:
        source, modality: as of `promptable`.

    Raises:
        FileNotFoundError, ValueError: no such teacher, one for the other modality, or neither name nor file tells.
    """
    from nnunetv2_muduo.teachers.registry import TEACHERS

    if str(source).startswith(THRESHOLD):
        if modality == "ct":
            raise ValueError(f"{source} is for PET: its unit is the SUV.")
        return "pet"
    known = TEACHERS[str(source)].modality if str(source) in TEACHERS else _modality_of_file(source) or modality
    if known is None:
        raise ValueError(f"Neither name nor file of the teacher {source} says whether it is for CT or PET. Say it.")
    if modality not in (None, known):
        raise ValueError(f"The teacher {source} is for {known.upper()}, not for {modality.upper()}.")
    return known


def _modality_of_file(source: str | Path) -> str | None:
    from nnunetv2_muduo.teachers.weights import inspect_teacher

    return inspect_teacher(source).modality


def both_teachers(
    teacher: str | Path | Promptable, ct_teacher: str | Path | Promptable | None, device: str
) -> list[Promptable]:
    """The one teacher of a session, or the PET's and the CT's; names and files as of `promptable`.

    Raises:
        FileNotFoundError, ValueError: as of `promptable`; or two teachers that are not one for PET and one for CT.
    """
    first = promptable(teacher, device=device) if isinstance(teacher, (str, Path)) else teacher
    if ct_teacher is None:
        return [first]
    second = promptable(ct_teacher, "ct", device=device) if isinstance(ct_teacher, (str, Path)) else ct_teacher
    if (first.modality, second.modality) != ("pet", "ct"):
        raise ValueError(f"Two teachers are one for PET and one for CT, found {first.modality} and {second.modality}.")
    return [first, second]


def _threshold(source: str) -> float:
    try:
        return float(source.removeprefix(THRESHOLD))
    except ValueError as error:
        raise ValueError(f"{source} is no threshold: write {THRESHOLD}0.41 or {THRESHOLD}4.") from error


def _known_spacing_mm(source: str | Path, config: object) -> float:
    from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
    from nnunetv2_muduo.teachers.small import SMALL_CONFIG

    known = {Sam3DConfig(): PUBLIC_SPACING_MM, SMALL_CONFIG: SMALL_SPACING_MM}
    if config not in known:
        raise ValueError(f"The teacher {source} has sizes of its own. Say the voxel size in mm that it was trained at.")
    return known[config]
