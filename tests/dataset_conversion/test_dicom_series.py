"""DICOM series as images, alone and through `muduo convert dicom`."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, generate_uid  # noqa: E402

from nnunetv2_muduo.dataset_conversion.cases import CaseRefused  # noqa: E402
from nnunetv2_muduo.dataset_conversion.dicom import DicomSeries, read_pet_suv  # noqa: E402
from nnunetv2_muduo.dataset_conversion.dicom_tree import Wanted, find_dicom_cases  # noqa: E402

AXIAL = (1, 0, 0, 0, 1, 0)
OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0][:, :2].T.ravel())
CT_CLASS, PET_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.128"
SUV_FACTOR = 2 ** (3600 / 6586.2) / 5000  # 70 kg, 350 MBq of F-18, one hour


def uid(*parts) -> str:
    return generate_uid(entropy_srcs=[str(part) for part in parts])


def write_series(folder, stored, modality="PT", patient="Pat 1", study="a", series="s", **options):
    """Write an int16 volume (z, y, x) as one file per slice; slopes, positions and tags can be set."""
    orientation = options.get("orientation", AXIAL)
    row, column = np.reshape(np.asarray(orientation, float), (2, 3))
    normal = np.cross(row, column)
    spacing = options.get("spacing_mm", (4.0, 4.0, 5.0))
    origin = np.asarray(options.get("origin_mm", (-20.0, -20.0, -60.0)))
    offsets_mm = options.get("offsets_mm", spacing[2] * np.arange(len(stored)))
    slopes = options.get("slopes", np.ones(len(stored)))
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(stored))  # names say nothing about the order
    for index, name in enumerate(order):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PET_CLASS if modality == "PT" else CT_CLASS
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(patient, study, series, index)
        dataset.PatientID, dataset.Modality = patient, modality
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(patient, study), uid(patient, study, series)
        dataset.FrameOfReferenceUID = uid(patient, study, options.get("frame", "frame"))
        dataset.StudyDate, dataset.StudyDescription = "20030323", "PET-CT Ganzkoerper nativ u. mit KM"
        dataset.SeriesDescription = series
        dataset.ImageOrientationPatient = [float(f"{cosine:.10f}") for cosine in orientation]
        dataset.ImagePositionPatient = [float(f"{mm:.6f}") for mm in origin + offsets_mm[index] * normal]
        dataset.PixelSpacing, dataset.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        dataset.Rows, dataset.Columns = stored.shape[1:]
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.RescaleSlope, dataset.RescaleIntercept = float(slopes[index]), options.get("intercept", 0)
        dataset.PixelData = stored[index].astype("<i2").tobytes()
        if modality == "PT":
            add_pet_tags(dataset)
        for keyword, value in options.get("tags", {}).items():
            setattr(dataset, keyword, value)
        dataset.save_as(folder / f"{name:04d}.dcm", enforce_file_format=True)
    return folder


def add_pet_tags(dataset):
    dataset.Units, dataset.DecayCorrection, dataset.PatientWeight = "BQML", "START", 70
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    dataset.SeriesDate = dataset.AcquisitionDate = "20030323"
    dataset.SeriesTime = dataset.AcquisitionTime = "110000"
    injection = Dataset()
    injection.RadiopharmaceuticalStartTime = "100000"
    injection.RadionuclideTotalDose, injection.RadionuclideHalfLife = 350e6, 6586.2
    dataset.RadiopharmaceuticalInformationSequence = Sequence([injection])


def pet_volume(seed=0, shape=(10, 11, 12)):
    return np.random.default_rng(seed).integers(1, 20000, shape).astype(np.int16)


def ct_volume(seed=0, shape=(12, 20, 22)):
    return np.random.default_rng(seed).integers(-1000, 1500, shape).astype(np.int16)


def write_case(folder, patient="Pat 1", study="a", seed=0):
    write_series(folder / "pet", pet_volume(seed), patient=patient, study=study, series="PET AC")
    ct_grid = {"spacing_mm": (2.0, 2.0, 4.5), "origin_mm": (-20.0, -20.0, -61.0)}
    write_series(folder / "ct", ct_volume(seed), modality="CT", patient=patient, study=study, series="CT", **ct_grid)
    return folder


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


def test_tree_is_paired_by_patient_study_and_frame_of_reference(tmp_path):
    write_case(tmp_path / "x", patient="Pat 1", study="a")
    write_case(tmp_path / "y", patient="Pat 1", study="b")
    write_case(tmp_path / "z", patient="Pat 2", study="a")
    write_series(tmp_path / "z" / "nac", pet_volume(), patient="Pat 2", series="NAC", tags={"CorrectedImage": ["DECY"]})
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_series(tmp_path / "z" / "scout", ct_volume(), modality="CT", patient="Pat 2", series="scout", tags=scout)
    (tmp_path / "z" / "notes.txt").write_text("not DICOM")
    cases = find_dicom_cases(tmp_path)
    assert [case.patient for case in cases] == ["Pat 1", "Pat 1", "Pat 2"]
    assert not any(case.problem for case in cases)
    for case in cases:
        assert case.ct.files[0].parent.parent == case.pet.files[0].parent.parent
    assert {case.pet.files[0].parent.name for case in cases} == {"pet"}
    assert cases[2].case_id == f"pat-2_03-23-2003-na-pet-ct-ganzkoerper-nativ-u-mit-km-{uid('Pat 2', 'a')[-5:]}"


def test_ambiguous_and_lonely_series_are_refused_or_chosen(tmp_path):
    write_case(tmp_path / "two", patient="Two")
    write_series(tmp_path / "two" / "lung", ct_volume(), modality="CT", patient="Two", series="CT lung")
    write_series(tmp_path / "lonely", pet_volume(), patient="Lonely")
    write_case(tmp_path / "apart", patient="Apart")
    write_series(tmp_path / "apart" / "ct", ct_volume(), modality="CT", patient="Apart", series="CT", frame="other")
    cases = {case.patient: case for case in find_dicom_cases(tmp_path)}
    assert "2 CT series for one case, choose by --ct-description TEXT" in cases["Two"].problem
    assert "a PET without its CT" in cases["Lonely"].problem
    assert "a PET without its CT" in cases["Apart"].problem
    chosen = {case.patient: case for case in find_dicom_cases(tmp_path, Wanted(ct="LUNG"))}
    assert not chosen["Two"].problem
    assert chosen["Two"].ct.files[0].parent.name == "lung"


def test_pets_with_frames_of_their_own_are_cases_of_their_own(tmp_path):
    for frame in ("head", "body"):
        write_series(tmp_path / frame / "pet", pet_volume(), series=f"PET {frame}", frame=frame)
        write_series(tmp_path / frame / "ct", ct_volume(), modality="CT", series=f"CT {frame}", frame=frame)
    cases = find_dicom_cases(tmp_path)
    assert len({case.case_id for case in cases}) == 2
    assert len({case.patient_key for case in cases}) == 1
    for case in cases:
        assert case.ct.files[0].parent.parent == case.pet.files[0].parent.parent


def test_copies_of_a_file_count_once(tmp_path):
    folder = write_case(tmp_path / "x")
    (folder / "pet" / "copy.dcm").write_bytes((folder / "pet" / "0003.dcm").read_bytes())
    assert len(find_dicom_cases(tmp_path)[0].pet.files) == 10


def test_conversion_of_own_scans(convert, petct, tmp_path):
    for number in range(3):
        write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
    write_case(tmp_path / "src" / "broken", patient="Broken")
    for path in (tmp_path / "src" / "broken" / "pet").iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.PatientWeight
        dataset.save_as(path)
    cases = {case.patient: case for case in find_dicom_cases(tmp_path / "src")}
    for patient in ("Pat 0", "Pat 1"):
        label = np.zeros((10, 11, 12), np.uint8)
        label[2:5, 3:6, 4:7] = 1
        image = petct.image_of(label, like=cases[patient].pet.read())
        (tmp_path / "labels").mkdir(exist_ok=True)
        sitk.WriteImage(image, str(tmp_path / "labels" / f"{cases[patient].case_id}.nii.gz"))
    done = convert("dicom", tmp_path / "src", "--labels", tmp_path / "labels", sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "PatientWeight (0010,1030) is missing" in done.report
    assert len(done.record["cases"]) == 3
    assert "60.0 min after injection" in done.report
    case_id = cases["Pat 2"].case_id
    assert done.members("unlabeled") == [case_id]
    ct, pet = (sitk.ReadImage(str(done.dataset / "imagesUn" / f"{case_id}_000{channel}.nii.gz")) for channel in (0, 1))
    np.testing.assert_allclose(sitk.GetArrayFromImage(pet), pet_volume(2) * SUV_FACTOR, rtol=1e-5)
    assert ct.GetSize() == pet.GetSize()
    source = sitk.Cast(cases["Pat 2"].ct.read(), sitk.sitkFloat32)
    for index in ((0, 0, 0), (5, 5, 5), (9, 8, 7)):
        expected = source.EvaluateAtPhysicalPoint(pet.TransformIndexToPhysicalPoint(index), sitk.sitkLinear)
        assert ct[index] == pytest.approx(expected, abs=0.51)
    assert ct[11, 10, 9] == -1024  # at x = 24 mm, the CT ends at 23 mm
    assert convert("dicom", tmp_path / "src", "--labels", tmp_path / "labels", sizes=(1, 1, 0)).files() == done.files()


def write_segmentation(folder, pet_folder, mask):
    """DICOM SEG of one segment (z, y, x) on the slices of a PET series, by highdicom."""
    highdicom = pytest.importorskip("highdicom")
    slices = sorted(map(pydicom.dcmread, pet_folder.iterdir()), key=lambda dataset: dataset.ImagePositionPatient[2])
    names = ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyTime")
    for dataset in slices:
        for keyword in names:
            setattr(dataset, keyword, "")
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Lesion",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="MANUAL",
    )
    folder.mkdir()
    highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=mask,
        segmentation_type="BINARY",
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    ).save_as(folder / "seg.dcm")


def test_segmentations_in_the_tree_become_labels(convert, tmp_path):
    mask = np.zeros((10, 11, 12), np.uint8)
    mask[3:6, 2:5, 6:9] = 1
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}")
        write_segmentation(folder / "seg", folder / "pet", mask)
    done = convert("dicom", tmp_path / "src", sizes=(1, 1, 0))
    assert done.exit_code == 0
    assert done.record["labels"] == {"background": 0, "tumor": 1}
    labels = [sitk.ReadImage(str(path)) for path in (done.dataset / "labelsTr").iterdir()]
    assert len(labels) == 2
    for label in labels:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(label), mask)


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


def test_real_dicom_with_real_masks(convert, shared_data, tmp_path):
    cases = find_dicom_cases(shared_data / "dicom", Wanted(pet="IBSI"))
    (tmp_path / "labels").mkdir()
    for case in cases:
        mask = shared_data / "sts" / case.patient / "SEG.nii.gz"
        (tmp_path / "labels" / f"{case.case_id}.nii.gz").symlink_to(mask)
    arguments = ("--labels", tmp_path / "labels", "--pet-description", "IBSI")
    done = convert("dicom", shared_data / "dicom", *arguments, sizes=(2, 0, 0))
    assert done.exit_code == 0
    for case in cases:
        reference = shared_data / "sts" / case.patient
        ct = sitk.GetArrayFromImage(sitk.ReadImage(str(done.dataset / "imagesTr" / f"{case.case_id}_0000.nii.gz")))
        ibsi_ct = sitk.GetArrayFromImage(sitk.ReadImage(str(reference / "CTres.nii.gz")))
        assert np.median(np.abs(ct.astype(float) - ibsi_ct)) <= 1
