"""DICOM series as images: values, places, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import AXIAL, OBLIQUE, SUV_FACTOR, ct_volume, pet_volume, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom import DicomSeries, read_pet_suv  # noqa: E402
from nnunetv2_muduo.imageio.nifti import CaseRefused  # noqa: E402


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_pet_with_a_slope_per_slice_is_put_in_space_as_its_tags_say(tmp_path, orientation):
    stored, slopes = pet_volume(), np.array([1.0, *np.linspace(0.31, 2.9, 9)])
    suv = read_pet_suv(write_series(tmp_path / "pet", stored, slopes=slopes, orientation=orientation))
    np.testing.assert_allclose(sitk.GetArrayFromImage(suv), stored * slopes[:, None, None] * SUV_FACTOR, rtol=1e-5)
    row, column = np.reshape(orientation, (2, 3))
    for index in ((0, 0, 0), (3, 0, 0), (0, 4, 0), (0, 0, 5), (11, 10, 9)):
        place_mm = (
            np.array([-20, -20, -60])
            + 4 * index[0] * row
            + 4 * index[1] * column
            + 5 * index[2] * np.cross(row, column)
        )
        np.testing.assert_allclose(suv.TransformIndexToPhysicalPoint(index), place_mm, atol=1e-3)


def test_ct_stays_in_whole_hounsfield_units(tmp_path):
    folder = write_series(tmp_path / "ct", ct_volume() + 1024, modality="CT", intercept=-1024)
    image = DicomSeries(tuple(folder.iterdir())).read()
    assert image.GetPixelID() == sitk.sitkInt16
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), ct_volume())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"offsets_mm": 5.0 * np.array([0, 1, 2, 3, 5, 6, 7, 8, 9, 10])}, "missing between -45.0 and -35.0 mm"),
        ({"offsets_mm": 5.0 * np.array([0, 1, 2, 3, 4, 4, 5, 6, 7, 8])}, "several slices in one place"),
        ({"tags": {"NumberOfFrames": 3}}, "multi-frame"),
        ({"tags": {"CorrectedImage": ["DECY"]}}, "not attenuation corrected"),
        ({"tags": {"PatientWeight": ""}}, r"PatientWeight \(0010,1030\) is missing; --allow-bqml"),
        ({"tags": {"Modality": "CT"}}, "one PT series expected, found 0"),
    ],
    ids=["gap", "twice", "enhanced", "nac", "no-weight", "other-modality"],
)
def test_series_that_are_no_volume_or_no_suv_are_refused(tmp_path, options, words):
    folder = write_series(tmp_path / "pet", pet_volume(), **options)
    with pytest.raises(CaseRefused, match=words):
        read_pet_suv(folder)


def test_beds_that_join_a_little_unevenly_are_one_volume(tmp_path):
    """GE's real series have a step of 3.19 mm among steps of 3.27 mm."""
    offsets_mm = 3.27 * np.arange(10) - 0.08 * (np.arange(10) > 4)
    suv = read_pet_suv(write_series(tmp_path / "pet", pet_volume(), offsets_mm=offsets_mm))
    assert suv.GetSpacing()[2] == pytest.approx(3.27, abs=0.01)


def test_tilted_gantry_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct", ct_volume(), modality="CT")
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient[1] += 0.2 * (dataset.ImagePositionPatient[2] + 60)
        dataset.save_as(path)
    with pytest.raises(CaseRefused, match="sheared"):
        DicomSeries(tuple(folder.iterdir())).read()


def test_two_series_in_one_folder_and_truncated_files_are_refused(tmp_path):
    folder = write_series(tmp_path / "pet", pet_volume())
    victim = folder / "0003.dcm"
    intact = victim.read_bytes()
    for n_bytes in (0, 100, len(intact) - 100):
        victim.write_bytes(intact[:n_bytes])
        with pytest.raises(CaseRefused, match=r"0003\.dcm"):
            read_pet_suv(folder)
    victim.write_bytes(intact)
    write_series(tmp_path / "other", pet_volume(), series="other")
    for path in (tmp_path / "other").iterdir():
        path.rename(folder / f"other_{path.name}")
    with pytest.raises(CaseRefused, match="found 2"):
        read_pet_suv(folder)


def test_allow_bqml_keeps_activity(tmp_path):
    folder = write_series(tmp_path / "pet", pet_volume(), tags={"PatientWeight": ""})
    np.testing.assert_allclose(sitk.GetArrayFromImage(read_pet_suv(folder, allow_bqml=True)), pet_volume())


def test_real_suv_series_agrees_with_the_scanners_activity(shared_data):
    """One PET of a patient as SUV (GML, decay corrected to ADMIN) and as Bq/ml (decay corrected to START)."""
    suv = read_pet_suv(shared_data / "dicom" / "STS_001" / "PET")
    from_activity = read_pet_suv(shared_data / "dicom" / "STS_001_wholebody_pet")
    values = sitk.GetArrayFromImage(suv)
    same_place = sitk.GetArrayFromImage(sitk.Resample(from_activity, suv, sitk.Transform(), sitk.sitkNearestNeighbor))
    assert values.max() > 20
    np.testing.assert_allclose(same_place, values, atol=1e-3)
    nifti = sitk.ReadImage(str(shared_data / "sts" / "STS_001" / "SUV.nii.gz"))
    np.testing.assert_allclose(sitk.GetArrayFromImage(nifti), values, atol=1e-5)


def test_real_activity_series_agrees_with_pysuv(shared_data):
    pysuv = pytest.importorskip("pysuv")
    paths = sorted((shared_data / "dicom" / "STS_001_wholebody_pet").iterdir())
    suv = read_pet_suv(paths[0].parent)
    for path in paths[::50]:
        dataset = pydicom.dcmread(path)
        activity = dataset.pixel_array * float(dataset.RescaleSlope)
        z = suv.TransformPhysicalPointToIndex([float(mm) for mm in dataset.ImagePositionPatient])[2]
        expected = activity * pysuv.get_suv_factor(dataset).suv_factor
        np.testing.assert_allclose(sitk.GetArrayFromImage(suv)[z], expected, rtol=1e-5, atol=1e-6)
