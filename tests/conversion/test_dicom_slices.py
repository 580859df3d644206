"""Slices of one series: the true reason is said where they are no volume."""

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, uid, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom import read_pet_suv  # noqa: E402
from nnunetv2_muduo.imageio.refusal import CaseRefused  # noqa: E402


def copies_beside(folder, n=1, every=1, **changes):
    """Further files of the same series in the same places; `changes` are functions of the copy's number."""
    for path in sorted(folder.iterdir())[::every]:
        for number in range(1, n + 1):
            dataset = pydicom.dcmread(path)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(number, path.name)
            for keyword, value in changes.items():
                setattr(dataset, keyword, value(number))
            if changes:
                dataset.PixelData = bytes(reversed(dataset.PixelData))
            dataset.save_as(folder / f"copy{number}_{path.name}")


@pytest.mark.parametrize("every", [1, 4], ids=["all slices", "some"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FrameReferenceTime": lambda n: 1000.0 * n}, "3 time frames, dynamic or gated .FrameReferenceTime differs"),
        ({"AcquisitionTime": lambda n: f"11{n:02d}00"}, "3 time frames, dynamic or gated .AcquisitionTime differs"),
        ({"TriggerTime": lambda n: 100.0 * n}, "3 time frames, dynamic or gated .TriggerTime differs"),
        ({"TemporalPositionIdentifier": lambda n: n}, "3 time frames, dynamic or gated .TemporalPosition"),
        ({"CorrectedImage": lambda n: ["DECY"]}, "slices with and without attenuation correction"),
        ({}, "the same slice twice"),
        ({"SliceThickness": lambda n: 9.0}, "two series in one"),
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
