"""Cases as they are written: linked, copied, and resampled onto their PET."""

import numpy as np
import SimpleITK as sitk
from fixtures.conversion import moved


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_link_points_to_files_and_copies_only_what_must_change(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    moved = next(source.rglob("CTres.nii.gz"))
    image = sitk.ReadImage(str(moved))
    sitk.WriteImage(sitk.Flip(image, (True, False, False)), str(moved))
    done = convert("autopet", source, "--link")
    changed = [path for path in done.dataset.glob("*/*.nii.gz") if not path.is_symlink()]
    assert len(changed) == 1
    np.testing.assert_array_equal(array(changed[0]), sitk.GetArrayFromImage(image))
    assert "voxels reordered" in done.report


def test_ct_on_its_own_grid_is_resampled_with_air_outside(convert, petct, tmp_path):
    for number in range(3):
        images = petct.random_study(number)
        ramp = np.tile(60 * np.arange(26, dtype=np.int16) - 900, (24, 30, 1))
        ramp[:, :, -1] += number  # outside of the PET: every patient has a CT of its own
        ct = petct.image_of(ramp, spacing=(1.5, 1.5, 2), origin=(-30, 20, -100))
        petct.write_study(tmp_path / "src" / f"p{number}", {"CT": ct, "SUV": images["SUV"], "SEG": images["SEG"]})
    done = convert("autopet", tmp_path / "src", sizes=(1, 1, 1))
    assert done.exit_code == 0
    result = sitk.ReadImage(str(next(done.dataset.glob("imagesTr/*_0000.nii.gz"))))
    assert result.GetSize() == petct.SIZE_XYZ
    values = sitk.GetArrayFromImage(result)
    expected_hu = 60 * np.arange(10) * 4 / 1.5 - 900  # the CT ends at x = 8.25 mm, the PET's tenth column is at 6 mm
    np.testing.assert_allclose(values[:, :, :10], np.broadcast_to(expected_hu, (10, 11, 10)), atol=0.51)
    assert (values[:, :, 10:] == -1024).all()
    assert "resampled linearly" in done.report


def test_shifted_and_cropped_label_grids_are_resampled_in_space(convert, source, petct):
    images = petct.random_study(9)
    cropped = images["SEG"][1:9, 1:9, 1:9]
    petct.write_study(source / "cropped", images | {"SEG": cropped})
    petct.write_study(source / "shifted", images | {"SEG": moved(images["SEG"], (4, 0, 0))})
    petct.write_study(source / "noisy", images | {"SEG": noisy(images["SEG"])})
    done = convert("autopet", source, sizes=(8, 0, 0))
    assert done.exit_code == 0
    expected = sitk.GetArrayFromImage(images["SEG"])
    written = {
        i: sitk.ReadImage(str(done.dataset / "labelsTr" / f"{i}.nii.gz")) for i in ("cropped", "shifted", "noisy")
    }
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written["cropped"]), expected)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written["noisy"]), expected)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written["shifted"]), np.roll(expected, 1, axis=2))
    for image in written.values():
        assert image.GetSize() == images["SUV"].GetSize()
        np.testing.assert_allclose(image.GetOrigin(), images["SUV"].GetOrigin())
    changes = {i: done.record["cases"][i]["findings"]["changes"]["label"] for i in written}
    # NIfTI keeps directions as float32, which makes the noise larger than nnU-Net's tolerance
    assert changes == {
        "cropped": "resampled to nearest",
        "shifted": "resampled to nearest",
        "noisy": "header noise removed",
    }


def noisy(image):
    image = sitk.Image(image)
    image.SetDirection(tuple(np.asarray(image.GetDirection()) + 1e-8))
    return image
