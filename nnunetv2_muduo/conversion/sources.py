"""Three kinds of sources that can be converted: AutoPET with organ maps, AutoPET with tumor masks, own DICOM."""

from pathlib import Path

from nnunetv2_muduo.conversion.convert import convert_cases
from nnunetv2_muduo.conversion.dicom_tree import Wanted, find_dicom_cases
from nnunetv2_muduo.conversion.label_maps import attach_labels, find_label_maps
from nnunetv2_muduo.conversion.label_names import find_names_file, read_scheme
from nnunetv2_muduo.conversion.layouts import find_cases
from nnunetv2_muduo.conversion.options import Options


def convert_autopet_organ(source: Path, labels: Path, options: Options) -> int:
    """Convert the PET/CT below `source` with the organ maps in `labels` (folder or zip archive).

    Returns the exit code: 1 where at least one case was refused.
    """
    return _convert(find_cases(source, options.patient_regex), source, labels, options)


def convert_autopet_tumor(source: Path, options: Options, labels: Path | None = None) -> int:
    """Convert the PET/CT below `source`; `labels` replaces the source's own label maps.

    Returns the exit code: 1 where at least one case was refused.
    """
    return _convert(find_cases(source, options.patient_regex), source, labels, options)


def convert_dicom(source: Path, options: Options, labels: Path | None = None, wanted: Wanted | None = None) -> int:
    """Convert the PET/CT series below `source`, with their DICOM segmentations and RTSTRUCTs or with label maps in `labels`.

    Args:
        wanted: which series to take; None: the only ones there are.

    Returns the exit code: 1 where at least one case was refused.
    """
    cases = find_dicom_cases(source, wanted, options.allow_bqml, options.n_processes, own_labels=labels is None)
    return _convert(cases, source, labels, options)


def _convert(cases: list, source: Path, labels: Path | None, options: Options) -> int:
    maps = find_label_maps(labels) if labels else None
    if names_file := maps.names_file if maps else find_names_file(source):
        read_scheme(names_file)  # what is wrong with it is said before hours of reading scans
    return convert_cases(attach_labels(cases, maps) if maps else cases, source, maps, options)
