import re
import shutil

import pytest

from nnunetv2_muduo.data.raw_images import find_unlabeled


def test_a_data_set_without_unlabeled_cases(raw):
    shutil.rmtree(raw / "imagesUn")
    with pytest.raises(FileNotFoundError, match=r"No unlabeled cases in .*imagesUn.*-tr nnUNetTrainer"):
        find_unlabeled(raw, ".nii.gz")


def test_a_missing_channel_is_named(raw):
    (raw / "imagesUn" / "unlabeled_3_0000.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"unlabeled_3_0000\.nii\.gz"):
        find_unlabeled(raw, ".nii.gz")


@pytest.mark.parametrize("case", ["$(reboot)", "a b", "-o", "..", "a;b", "a\\b", "'a'", "a|b", "a`b`", "a\nb", "*"])
def test_names_that_mean_something_to_a_shell_or_a_path_are_refused(raw, case):
    for channel in range(2):
        shutil.copy(raw / "imagesUn" / "unlabeled_0_0000.nii.gz", raw / "imagesUn" / f"{case}_000{channel}.nii.gz")
    with pytest.raises(ValueError, match=re.escape(repr(case))):
        find_unlabeled(raw, ".nii.gz")
