"""AutoPET (I to IV, NIfTI) into nnU-Net raw with its own tumour masks, or with label maps given instead.

Layouts are described in layouts.py; data: https://doi.org/10.1038/s41597-022-01718-3.
"""

from pathlib import Path

from nnunetv2_muduo.dataset_conversion.command import run_alone
from nnunetv2_muduo.dataset_conversion.convert import Options, convert_cases
from nnunetv2_muduo.dataset_conversion.label_maps import attach_labels, find_label_maps
from nnunetv2_muduo.dataset_conversion.layouts import find_cases


def convert_autopet_tumor(source: Path, options: Options, labels: Path | None = None) -> int:
    """Convert the PET/CT below `source`; `labels` replaces the source's own label maps.

    Returns the exit code: 1 where at least one case was refused.
    """
    cases = find_cases(source, options.patient_regex)
    maps = find_label_maps(labels) if labels else None
    return convert_cases(attach_labels(cases, maps) if maps else cases, source, maps, options)


if __name__ == "__main__":
    raise SystemExit(run_alone("autopet", __doc__))
