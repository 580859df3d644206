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
    if str(source).startswith(THRESHOLD):
        if modality == "ct":
            raise ValueError(f"{source} is for PET: its unit is the SUV.")
        return ThresholdTeacher(_threshold(str(source)))
    from nnunetv2_muduo.prompting.network import NetworkTeacher
    from nnunetv2_muduo.teachers.weights import inspect_teacher, load_teacher

    known = inspect_teacher(source, modality).modality or modality
    if known is None:
        raise ValueError(f"Neither name nor file of the teacher {source} says whether it is for CT or PET. Say it.")
    network = load_teacher(source, device, modality)
    return NetworkTeacher(network, known, spacing_mm or _known_spacing_mm(source, network.config))


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
