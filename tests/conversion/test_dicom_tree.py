"""Trees of DICOM series: how they are paired, and `muduo convert dicom`."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import SUV_FACTOR, ct_volume, pet_volume, uid, write_case, write_segmentation, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom_tree import Wanted, find_dicom_cases  # noqa: E402


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


@pytest.mark.parametrize("source", ["NOWHERE", "NOWHERE/below", "a file"])
def test_a_source_that_is_no_folder_is_named(tmp_path, monkeypatch, capsys, source):
    from nnunetv2_muduo.cli import main

    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    (tmp_path / "a file").touch()
    assert main(["convert", "dicom", str(tmp_path / source), "-d", "5"]) == 1
    assert f"No folder {tmp_path / source}." in capsys.readouterr().err


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


def test_segmentations_in_the_tree_become_labels(convert, tmp_path):
    mask = np.zeros((10, 11, 12), np.uint8)
    mask[3:6, 2:5, 6:9] = 1
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
        write_segmentation(folder / "seg", folder / "pet", mask)
    done = convert("dicom", tmp_path / "src", sizes=(1, 1, 0))
    assert done.exit_code == 0
    assert done.record["labels"] == {"background": 0, "tumor": 1}
    labels = [sitk.ReadImage(str(path)) for path in (done.dataset / "labelsTr").iterdir()]
    assert len(labels) == 2
    for label in labels:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(label), mask)


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
