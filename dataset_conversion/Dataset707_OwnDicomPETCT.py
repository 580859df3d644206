"""A tree of DICOM series (own scans, or AutoPET from TCIA) into nnU-Net raw: PET in SUVbw, CT on the PET's grid.

Needs pydicom: pip install 'nnunetv2_muduo[dicom]'.
"""

from pathlib import Path

from nnunetv2_muduo.dataset_conversion.command import run_alone
from nnunetv2_muduo.dataset_conversion.convert import Options, convert_cases
from nnunetv2_muduo.dataset_conversion.dicom_tree import Wanted, find_dicom_cases
from nnunetv2_muduo.dataset_conversion.label_maps import attach_labels, find_label_maps


def convert_dicom(source: Path, options: Options, labels: Path | None = None, wanted: Wanted | None = None) -> int:
    """Convert the PET/CT series below `source`, with their DICOM segmentations or with label maps in `labels`.

    Returns the exit code: 1 where at least one case was refused.
    """
    cases = find_dicom_cases(source, wanted, options.allow_bqml, options.n_processes)
    maps = find_label_maps(labels) if labels else None
    return convert_cases(attach_labels(cases, maps) if maps else cases, source, maps, options)


if __name__ == "__main__":
    raise SystemExit(run_alone("dicom", __doc__))
