"""AutoPET (I to IV, NIfTI) into nnU-Net raw, with its own tumour masks or with any other label maps.

Sources and their layouts are described in layouts.py; data: https://doi.org/10.1038/s41597-022-01718-3.
"""

import argparse
from pathlib import Path

from nnunetv2_muduo.dataset_conversion.command import add_common_arguments, options_from
from nnunetv2_muduo.dataset_conversion.convert import Options, convert_cases
from nnunetv2_muduo.dataset_conversion.label_maps import attach_labels, find_label_maps
from nnunetv2_muduo.dataset_conversion.layouts import find_cases


def convert_autopet(source: Path, options: Options, labels: Path | None = None) -> int:
    """Convert the PET/CT below `source`; `labels` replaces the source's own label maps.

    Returns the exit code: 1 where at least one case was refused.
    """
    cases = find_cases(source)
    maps = find_label_maps(labels) if labels else None
    return convert_cases(attach_labels(cases, maps) if maps else cases, source, maps, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, default_name="AutoPET")
    args = parser.parse_args()
    raise SystemExit(convert_autopet(args.source, options_from(args)))
