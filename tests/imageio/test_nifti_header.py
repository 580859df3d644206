"""What a NIfTI file is, whatever its name says: what nnU-Net's reader can read is read, the rest is refused with the reason."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.imageio.nifti import NiftiFile, require_intact
from nnunetv2_muduo.imageio.nifti_header import is_nifti, is_of_pair, nifti_stem
from nnunetv2_muduo.imageio.refusal import CaseRefused

VALUES_XYZ = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
NIFTI_1 = nibabel.Nifti1Image(VALUES_XYZ, np.diag([2.0, 3, 4, 1])).to_bytes()
NIFTI_2 = nibabel.Nifti2Image(VALUES_XYZ, np.diag([2.0, 3, 4, 1])).to_bytes()
NIFTI_2_BIG = nibabel.Nifti2Image(VALUES_XYZ, np.eye(4), nibabel.Nifti2Header(endianness=">")).to_bytes()
ANALYZE = NIFTI_1[:344] + bytes(4) + NIFTI_1[348:]
"""Analyze's header has the size of NIfTI's, and no word of it at the end."""

READ = {
    "a.nii": NIFTI_1,
    "a.nii.gz": gzip.compress(NIFTI_1),
    "A.NII": NIFTI_1,
    "A.NII.GZ": gzip.compress(NIFTI_1),
    "plain.nii.gz": NIFTI_1,
    "PLAIN.NII.GZ": NIFTI_1,
    "two.members.nii.gz": gzip.compress(NIFTI_1[:400]) + gzip.compress(NIFTI_1[400:]),
}
REFUSED = {
    "packed.nii": (
        gzip.compress(NIFTI_1),
        "is packed by gzip, though its name ends in .nii. Rename it to end in .nii.gz",
    ),
    "PACKED.NII": (gzip.compress(NIFTI_1), "is packed by gzip"),
    "Mixed.Nii.gz": (gzip.compress(NIFTI_1), "ends in .Nii.gz.* Rename it to .nii.gz"),
    "mixed.nii.GZ": (gzip.compress(NIFTI_1), "ends in .nii.GZ"),
    "two.nii": (NIFTI_2, "is NIfTI-2.* Save it as NIfTI-1"),
    "two.nii.gz": (gzip.compress(NIFTI_2), "is NIfTI-2"),
    "two_plain.nii.gz": (NIFTI_2, "is NIfTI-2"),
    "two_big.nii": (NIFTI_2_BIG, "is NIfTI-2"),
    "analyze.nii": (ANALYZE, "can't be read: it is no NIfTI file"),
    "page.nii.gz": (b"<!DOCTYPE html><html>Sign in</html>" * 99, "can't be read: it is no NIfTI file"),
    "zip.nii.gz": (b"PK\x03\x04" + bytes(600), "can't be read: it is no NIfTI file"),
    "of_macos.nii.gz": (b"\0\x05\x16\x07", "can't be read: it is no NIfTI file"),
    "empty.nii": (b"", "can't be read: it is no NIfTI file, truncated or damaged"),
    "zeros.nii": (bytes(1000), "can't be read: it is no NIfTI file"),
}


@pytest.mark.parametrize("name", READ)
def test_what_nnunets_reader_reads_is_read_alike(tmp_path, name):
    (tmp_path / name).write_bytes(READ[name])
    theirs, ours = sitk.ReadImage(str(tmp_path / name)), read_image(tmp_path / name)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), VALUES_XYZ.T)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), VALUES_XYZ.T)
    assert ours.GetSpacing() == theirs.GetSpacing() == (2, 3, 4)
    require_intact(tmp_path / name)
    assert NiftiFile(tmp_path / name).can_stand_as_it_is == (name in ("a.nii.gz", "A.NII.GZ", "two.members.nii.gz"))


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_with_the_reason(tmp_path, name):
    content, reason = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    for read in (read_image, require_intact):
        with pytest.raises(CaseRefused, match=f"{name} {reason}"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", list(READ) + list(REFUSED))
def test_what_simpleitk_cannot_read_is_never_accepted(tmp_path, name):
    (tmp_path / name).write_bytes(READ[name] if name in READ else REFUSED[name][0])
    try:
        sitk.ReadImage(str(tmp_path / name))
    except RuntimeError:
        assert name in REFUSED


def test_pairs_of_files_are_read_and_their_headers_checked(tmp_path):
    image = nibabel.Nifti1Pair(VALUES_XYZ, np.diag([2.0, 3, 4, 1]))
    image.to_filename(tmp_path / "good.img")
    image.set_sform(np.diag([2.0, 3, 4, 1]), 1)
    image.set_qform(np.diag([-2.0, 3, 4, 1]), 1)
    image.to_filename(tmp_path / "bad.img")
    nibabel.AnalyzeImage(VALUES_XYZ, np.diag([2.0, 3, 4, 1])).to_filename(tmp_path / "analyze.img")
    for ending in ("hdr", "img"):
        for name in ("good", "analyze"):
            np.testing.assert_array_equal(
                sitk.GetArrayFromImage(read_image(tmp_path / f"{name}.{ending}")), VALUES_XYZ.T
            )
        with pytest.raises(CaseRefused, match=rf"bad\.{ending}.*sform.*\n.*sform.*\n.*qform"):
            read_image(tmp_path / f"bad.{ending}")


def test_endings_in_any_case():
    for ending in (".nii", ".nii.gz", ".NII", ".NII.GZ", ".Nii.gz"):
        assert is_nifti(f"nativ u. mit{ending}")
        assert nifti_stem(f"nativ u. mit{ending}") == "nativ u. mit"
        assert not is_of_pair(f"a{ending}")
    assert not is_nifti("a.nii.gz.txt")
    assert not is_nifti("nii.gz")
    assert is_of_pair("a.IMG")
