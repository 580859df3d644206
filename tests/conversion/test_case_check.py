"""Headers and files that are broken in unforeseen ways: their case is refused by name, the others are converted."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.conversion import case_check

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import write_case  # noqa: E402

from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402


@pytest.fixture
def dicom_source(tmp_path, petct):
    """Three good patients, two of them with labels, and one called Broken, whose PET tests break."""
    for seed, patient in enumerate(("Good 0", "Good 1", "Good 2", "Broken")):
        write_case(tmp_path / "src" / patient, patient=patient, seed=seed)
    (tmp_path / "labels").mkdir()
    for case in find_dicom_cases(tmp_path / "src")[1:3]:
        label = np.zeros((10, 11, 12), np.uint8)
        label[2:5, 3:6, 4:7] = 1
        image = petct.image_of(label, like=case.pet.read())
        sitk.WriteImage(image, str(tmp_path / "labels" / f"{case.case_id}.nii.gz"))
    return tmp_path / "src"


def without(keyword):
    def remove(path):
        dataset = pydicom.dcmread(path)
        delattr(dataset, keyword)
        dataset.save_as(path)

    return remove


def without_file_meta(path):
    data = path.read_bytes()
    path.write_bytes(data[:132] + data[data.index(b"\x08\x00\x16\x00") :])


def with_bytes(tag, old, new):
    def replace(path):
        data = path.read_bytes()
        start = data.index(old, data.index(tag))
        path.write_bytes(data[:start] + new + data[start + len(old) :])

    return replace


DAMAGES = {
    "no-orientation": (without("ImageOrientationPatient"), "ImageOrientationPatient (0020,0037) is missing"),
    "no-position": (without("ImagePositionPatient"), "ImagePositionPatient (0020,0032) is missing"),
    "no-spacing": (without("PixelSpacing"), "PixelSpacing (0028,0030) is missing"),
    "no-rows": (without("Rows"), "Rows (0028,0010) is missing"),
    "no-file-meta": (without_file_meta, "TransferSyntaxUID (0002,0010) is missing"),
    "text-position": (
        with_bytes(b"\x20\x00\x32\x00DS", b"-20", b"abc"),
        "ImagePositionPatient (0020,0032) can't be read (could not convert string to float: 'abc",
    ),
    "text-weight": (with_bytes(b"\x10\x00\x30\x10DS", b"70", b"7x"), "PatientWeight (0010,1030) can't be read"),
    "short-rows": (with_bytes(b"\x28\x00\x10\x00US", b"US\x02\x00\x0b\x00", b"US\x01\x00\x0b"), "(0028,0010)"),
    "text-frames": (lambda path: add_frames(path), "can't be checked (ValueError: "),
}


def add_frames(path):
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = 1
    dataset.save_as(path)
    with_bytes(b"\x28\x00\x08\x00IS", b"1 ", b"x ")(path)


def convert_dicom(convert, source):
    return convert("dicom", source, "--labels", source.parent / "labels", sizes=(1, 1, 0))


def refusal_of(done, words):
    return next(line for line in done.report.partition("## Refused")[2].splitlines() if line.startswith(f"* {words}"))


@pytest.mark.parametrize("name", DAMAGES)
def test_series_with_broken_headers_are_refused_by_name(convert, dicom_source, name):
    damage, words = DAMAGES[name]
    for path in sorted((dicom_source / "Broken" / "pet").iterdir()):
        damage(path)
    done = convert_dicom(convert, dicom_source)
    assert done.exit_code == 1
    assert {entry["patient"] for entry in done.record["cases"].values()} == {"Good 0", "Good 1", "Good 2"}
    line = refusal_of(done, "broken_")
    assert words in line
    assert str(dicom_source / "Broken" / "pet") in line


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_slice_that_cannot_be_read_refuses_its_series(convert, dicom_source, at_the_end):
    """Without its last slice, a series would look like a whole one."""
    slices = (dicom_source / "Broken" / "pet").iterdir()
    order = sorted(slices, key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])
    victim = order[-1 if at_the_end else 4]
    victim.unlink()
    victim.symlink_to("nowhere")
    done = convert_dicom(convert, dicom_source)
    assert done.exit_code == 1
    assert len(done.record["cases"]) == 3
    assert str(victim) in refusal_of(done, "broken_")


def test_a_file_of_no_series_that_cannot_be_read_is_named(convert, dicom_source, monkeypatch):
    (dicom_source / "notes").symlink_to("nowhere")
    done = convert_dicom(convert, dicom_source)
    assert done.exit_code == 1
    assert len(done.record["cases"]) == 4
    assert f"{dicom_source / 'notes'}: can't be read (FileNotFoundError" in refusal_of(done, "notes")


def test_whatever_pydicom_raises_on_a_header_ends_nothing(convert, dicom_source, monkeypatch):
    read = pydicom.dcmread

    def broken(file, *arguments, **keywords):
        if "Broken/pet/0003" in str(file):
            raise NotImplementedError("a value representation that nobody knows")
        return read(file, *arguments, **keywords)

    monkeypatch.setattr(pydicom, "dcmread", broken)
    done = convert_dicom(convert, dicom_source)
    assert {"Good 0", "Good 1", "Good 2"} <= {entry["patient"] for entry in done.record["cases"].values()}


@pytest.fixture
def nifti_source(tmp_path, petct):
    return petct.write_tree(tmp_path / "src", 5)


@pytest.mark.parametrize("stem", ["CTres", "SUV", "SEG"])
def test_links_that_lead_nowhere_refuse_their_case(convert, nifti_source, stem):
    victim = sorted(nifti_source.rglob(f"{stem}.nii.gz"))[0]
    victim.unlink()
    victim.symlink_to("nowhere")
    done = convert("autopet", nifti_source)
    assert done.exit_code == 1
    assert len(done.record["cases"]) == 5
    assert f"No such file or directory: '{victim}'" in refusal_of(done, "petct_0000000000")


def test_a_label_link_that_leads_nowhere_does_not_make_a_case_unlabeled(convert, petct, tmp_path):
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "src" / folder).mkdir(parents=True)
    for number in range(4):
        images, name = petct.random_study(number), f"fdg_{number:04x}_s"
        sitk.WriteImage(images["CTres"], str(tmp_path / "src" / "imagesTr" / f"{name}_0000.nii.gz"))
        sitk.WriteImage(images["SUV"], str(tmp_path / "src" / "imagesTr" / f"{name}_0001.nii.gz"))
        sitk.WriteImage(images["SEG"], str(tmp_path / "src" / "labelsTr" / f"{name}.nii.gz"))
    victim = tmp_path / "src" / "labelsTr" / "fdg_0003_s.nii.gz"
    victim.unlink()
    victim.symlink_to("nowhere")
    done = convert("autopet", tmp_path / "src", sizes=(1, 1, 1))
    assert done.exit_code == 1
    assert str(victim) in refusal_of(done, "fdg_0003_s")


def test_a_file_that_vanishes_after_it_was_checked_is_no_crash(convert, nifti_source, monkeypatch):
    """The record keeps the stamps of what was read, and doesn't look again."""
    original, counts = case_check.case_stamps, {}

    def only_once(case):
        counts[case.case_id] = counts.get(case.case_id, 0) + 1
        if counts[case.case_id] > 1:
            raise FileNotFoundError(case.case_id)
        return original(case)

    monkeypatch.setattr(case_check, "case_stamps", only_once)
    assert convert("autopet", nifti_source).exit_code == 0


def scaled_labels(path, factor):
    image = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat64) * factor
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize("link", [(), ("--link",)], ids=["copied", "linked"])
@pytest.mark.parametrize("factor", [1.0000001, 0.9999999, 1.0005])
def test_labels_that_a_header_has_scaled_are_written_as_whole_numbers(convert, nifti_source, factor, link):
    """nnU-Net cuts off what is behind the point, so 0.9999999 must not be linked as it is."""
    victims = sorted(nifti_source.rglob("SEG.nii.gz"))
    true = {path: sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in victims}
    for path in victims:
        scaled_labels(path, factor)
    done = convert("autopet", nifti_source, *link)
    assert done.exit_code == 0
    assert "rounded to whole numbers" in done.report
    entries = done.record["cases"]
    written = {case: done.dataset / f"labelsTr/{case}.nii.gz" for case in done.members("labeled") + done.members("val")}
    assert len(written) == 3
    for case, path in written.items():
        labels = sitk.ReadImage(str(path))
        assert labels.GetPixelID() == sitk.sitkUInt8
        of = next(source for source in true if str(source) == entries[case]["origin"]["label"])
        assert (sitk.GetArrayFromImage(labels) == true[of]).all()
        assert entries[case]["findings"]["labels"]["1"]["voxels"] == true[of].sum()


def test_labels_between_whole_numbers_are_refused_with_the_worst(convert, nifti_source):
    scaled_labels(sorted(nifti_source.rglob("SEG.nii.gz"))[0], 1.25)
    done = convert("autopet", nifti_source)
    assert done.exit_code == 1
    assert "SEG.nii.gz" in (line := refusal_of(done, "petct_0000000000"))
    assert "such as 1.25" in line
