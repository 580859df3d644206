"""AutoPET with organ maps into nnU-Net raw.

The maps are `AutoPET-OrganlabelsTr.zip` of SegAnyPET (https://github.com/YichiZhang98/SegAnyPET, 100 studies), unpacked or
not, or those of AutoPET III; studies without a map are unlabelled. The images are AutoPET's in any NIfTI edition.
"""

from pathlib import Path

from nnunetv2_muduo.dataset_conversion.command import run_alone
from nnunetv2_muduo.dataset_conversion.convert import Options, convert_cases
from nnunetv2_muduo.dataset_conversion.label_maps import attach_labels, find_label_maps
from nnunetv2_muduo.dataset_conversion.layouts import find_cases


def convert_autopet_organ(source: Path, labels: Path, options: Options) -> int:
    """Convert the PET/CT below `source` with the organ maps in `labels` (folder or zip archive).

    Returns the exit code: 1 where at least one case was refused.
    """
    maps = find_label_maps(labels)
    return convert_cases(attach_labels(find_cases(source, options.patient_regex), maps), source, maps, options)


if __name__ == "__main__":
    raise SystemExit(run_alone("autopet-organ", __doc__))
