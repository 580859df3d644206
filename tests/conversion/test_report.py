"""What the report of a conversion says."""

import shutil

import SimpleITK as sitk
from fixtures.conversion import write_organ_maps


def test_sides_that_are_mixed_up_are_reported(convert, petct, tmp_path):
    """random_study puts value 2 and 3 at the same x, so left is never left of right."""
    source = petct.write_tree(tmp_path / "src", 4)
    labels = write_organ_maps(tmp_path / "maps", source, range(1, 13))
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 0 of 5 maps**: sides are mixed up" in done.report
    for path in labels.iterdir():
        image = sitk.ReadImage(str(path))
        image[8:10, 3, 5] = 2  # the index axis x points to the left
        sitk.WriteImage(image, str(path))
    shutil.rmtree(done.dataset)
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 5 of 5 maps\n" in done.report
