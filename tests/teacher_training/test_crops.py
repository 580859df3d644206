"""Which voxel of a file lies where in a crop."""

import numpy as np
import SimpleITK as sitk
import torch

from nnunetv2_muduo.teacher_training.crops import Cropper, cut_cube, join_crops
from nnunetv2_muduo.teachers.patch_space import normalize_ct


def test_crop_against_simpleitks_indexing(volumes, raw_dataset, generator):
    """Voxel (i, j, k) of a crop is SimpleITK's voxel (x, y, z) = center - size // 2 + (i, j, k)."""
    volume, center = volumes[1], (9, 12, 10)
    image = sitk.ReadImage(str(raw_dataset / "imagesTr" / f"{volume.name}_0000.nii.gz"))
    labels = sitk.ReadImage(str(raw_dataset / "labelsTr" / f"{volume.name}.nii.gz"))
    crop = Cropper("ct", 16, 8).crop(volume, center, generator)
    cube = torch.tensor(
        [[[image[1 + i, 4 + j, 2 + k] for k in range(16)] for j in range(16)] for i in range(16)], dtype=torch.float32
    )
    torch.testing.assert_close(crop.image, normalize_ct(cube[None, None]))
    label_of = {"liver": 1, "spleen": 2}
    for organ, mask in zip(crop.organs, crop.truth_mask, strict=True):
        for i, j, k in torch.randint(16, (200, 3), generator=generator).tolist():
            assert mask[i, j, k] == (labels[1 + i, 4 + j, 2 + k] == label_of[organ])


def test_cubes_reach_over_the_border_with_zeros():
    array = np.arange(1, 61).reshape(3, 4, 5)
    cube = cut_cube(array, (0, 3, 2), 4)
    padded = np.pad(array, 4)
    np.testing.assert_array_equal(cube, padded[2:6, 5:9, 4:8])
    assert not cut_cube(array, (50, 0, 0), 4).any()


def test_random_crops_show_their_organs_however_flipped(volumes, generator):
    crops = Cropper("ct", 16, 8, frozenset([volumes[0].name])).random_crops(volumes, 40, generator)
    assert crops.image.shape == (40, 1, 16, 16, 16)
    assert len(crops.organs) == len(crops.truth_mask) == len(crops.crop_index) == len(crops.is_noisy)
    assert set(crops.organs) == {"liver", "spleen"}
    for organ, mask, index in zip(crops.organs, crops.truth_mask, crops.crop_index, strict=True):
        image, any_organ = crops.image[index, 0], crops.truth_mask[crops.crop_index == index].any(0)
        assert image[mask].min() > image[~any_organ].mean() + 1, organ
    by_crop = [set(crops.is_noisy[crops.crop_index == i].tolist()) for i in range(40)]
    assert all(len(kinds) == 1 for kinds in by_crop)
    assert {True, False} == set.union(*by_crop)


def test_no_more_organs_than_asked_for(volumes, generator):
    crops = Cropper("ct", 16, 1).random_crops(volumes, 10, generator)
    assert crops.crop_index.tolist() == list(range(10))
    assert len(set(crops.organs)) == 2


def test_joined_crops_keep_their_organs_apart(volumes, generator):
    cropper = Cropper("ct", 16, 8)
    parts = [cropper.random_crops(volumes, n, generator) for n in (2, 3)]
    joined = join_crops(parts)
    assert torch.equal(joined.crop_index, torch.cat([parts[0].crop_index, parts[1].crop_index + 2]))
