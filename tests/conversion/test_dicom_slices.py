"""Slices of one series: the true reason is said where they are no volume."""

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, uid, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom import read_pet_suv  # noqa: E402
from nnunetv2_muduo.imageio.refusal import CaseRefused  # noqa: E402


def copies_beside(folder, n=1, every=1, **changes):
    """Further files of the same series in the same places.

    `changes` are functions of the copy's number; with any of them the pixels are others too, unless PixelData is None.
    """
    for path in sorted(folder.iterdir())[::every]:
        for number in range(1, n + 1):
            dataset = pydicom.dcmread(path)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(number, path.name)
            for keyword, value in changes.items():
                if value is not None:
                    setattr(dataset, keyword, value(number))
            if changes and "PixelData" not in changes:
                dataset.PixelData = bytes(reversed(dataset.PixelData))
            dataset.save_as(folder / f"copy{number}_{path.name}")


@pytest.mark.parametrize("every", [1, 4], ids=["all slices", "some"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FrameReferenceTime": lambda n: 1000.0 * n}, "3 time frames, dynamic or gated, FrameReferenceTime"),
        ({"AcquisitionTime": lambda n: f"11{n:02d}00"}, "3 time frames, dynamic or gated, AcquisitionTime"),
        ({"TriggerTime": lambda n: 100.0 * n}, "3 time frames, dynamic or gated, TriggerTime"),
        ({"TemporalPositionIdentifier": lambda n: n}, "3 time frames, dynamic or gated, TemporalPosition"),
        ({"NumberOfTimeSlices": lambda n: 3}, "3 time frames, dynamic or gated, see NumberOfTimeSlices"),
        ({"PatientComments": lambda n: "pixels alone"}, "two series in one. They differ in their pixels alone"),
        ({}, "the same slice twice"),
        ({"InstanceNumber": lambda n: n, "PixelData": None}, "the same slice twice"),
        ({"SliceThickness": lambda n: 9.0}, "two series in one. They differ in SliceThickness .0018,0050.; separate"),
        (
            {"ReconstructionMethod": lambda n: "FBP", "AcquisitionTime": lambda n: "110500"},
            "two series in one. They differ in ReconstructionMethod",
        ),
    ],
)
def test_slices_in_one_place(tmp_path, changes, words, every):
    folder = write_series(tmp_path / "pet", pet_volume())
    copies_beside(folder, n=2, every=every, **changes)
    with pytest.raises(CaseRefused, match=rf"several slices in one place, such as \S+ and \S+: {words}"):
        read_pet_suv(folder)


@pytest.mark.parametrize("n_said", [11, 14, 47])
def test_fewer_slices_than_the_series_counts(tmp_path, n_said):
    folder = write_series(tmp_path / "pet", pet_volume(), tags={"NumberOfSlices": n_said})
    with pytest.raises(CaseRefused, match=f"{n_said - 10} slices are missing: NumberOfSlices .0054,0081. is {n_said}"):
        read_pet_suv(folder)


@pytest.mark.parametrize("n_said", ["", 0, 5, 10])
def test_a_count_that_is_no_larger_is_believed(tmp_path, n_said):
    """Some scanners count the slices of a bed position."""
    assert (
        read_pet_suv(write_series(tmp_path / "pet", pet_volume(), tags={"NumberOfSlices": n_said})).GetSize()[2] == 10
    )


def test_frames_whose_first_slices_are_equal_are_no_copies(tmp_path):
    """Before the activity arrives, frames hold nothing but zeros."""
    stored = pet_volume()
    stored[0] = 0
    folder = write_series(tmp_path / "pet", stored)
    copies_beside(folder, FrameReferenceTime=lambda n: 1000.0 * n)
    with pytest.raises(CaseRefused, match="2 time frames"):
        read_pet_suv(folder)


def test_corrected_beside_uncorrected(tmp_path):
    folder = write_series(tmp_path / "pet", pet_volume())
    copies_beside(folder, CorrectedImage=lambda n: ["DECY"])
    with pytest.raises(CaseRefused, match=r"with and without attenuation correction.*10 of 20 lack ATTN"):
        read_pet_suv(folder)


@pytest.mark.parametrize("victim", ["0000.dcm", "0004.dcm", "0009.dcm"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Rows": 10}, r"several sizes, Rows \(0028,0010\) x Columns \(0028,0011\)"),
        ({"PixelSpacing": [4.0, 4.1]}, r"PixelSpacing \(0028,0030\)"),
        ({"ImageOrientationPatient": [-1, 0, 0, 0, 1, 0]}, r"ImageOrientationPatient \(0020,0037\)"),
        ({"ImagePositionPatient": None}, r"ImagePositionPatient \(0020,0032\) is missing"),
    ],
    ids=["size", "pixel", "mirrored", "no place"],
)
def test_one_slice_that_is_not_like_the_others(tmp_path, change, words, victim):
    folder = write_series(tmp_path / "pet", pet_volume())
    dataset = pydicom.dcmread(folder / victim)
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    dataset.save_as(folder / victim)
    with pytest.raises(CaseRefused, match=words):
        read_pet_suv(folder)


def test_a_count_on_some_slices_counts(tmp_path):
    folder = write_series(tmp_path / "pet", pet_volume())
    dataset = pydicom.dcmread(folder / "0007.dcm")
    dataset.NumberOfSlices = 12
    dataset.save_as(folder / "0007.dcm")
    with pytest.raises(CaseRefused, match="2 slices are missing"):
        read_pet_suv(folder)
