"""Values of cases that are converted: HU and SUV together, from NIfTI and from DICOM, and what the report says of them."""

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo import cli
from nnunetv2_muduo.conversion.case_check import check_case
from nnunetv2_muduo.conversion.layouts import find_cases

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import pet_volume, write_case, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom import read_pet_suv  # noqa: E402
from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases  # noqa: E402

SHAPE = (12, 12, 12)
NOISE_HU = np.random.default_rng(0).normal(0, 10, SHAPE).astype(np.float32)


def block(outside: float, inside: float) -> np.ndarray:
    values = np.full(SHAPE, outside, np.float32)
    values[3:9, 3:9, 3:9] = inside
    return values


def hu() -> np.ndarray:
    return block(-1000, 40) + NOISE_HU


def suv() -> np.ndarray:
    values = block(0.01, 1)
    values[5, 5, 5] = 8
    return values


@pytest.fixture
def problem_of(tmp_path, petct):
    """Why a study of these arrays is refused, in AutoPET's layout; empty where it is not."""

    def check(ct, pet, with_label=True) -> str:
        images = {"CTres": ct, "SUV": pet, "SEG": (suv() > 5).astype(np.uint8)}
        if not with_label:
            del images["SEG"]
        arrays = {stem: petct.image_of(array, spacing=(8.0, 8.0, 8.0)) for stem, array in images.items()}
        petct.write_study(tmp_path / "pat1", arrays)
        return check_case(find_cases(tmp_path)[0]).get("problem", "")

    return check


@pytest.mark.parametrize(
    ("ct", "pet"),
    [(hu(), suv()), (block(-1000, 40), suv()), (hu(), suv() - 0.02), (np.maximum(hu(), -1000), 1.5 * suv())],
    ids=["noise", "no noise", "PET a little below 0", "air cut off"],
)
def test_right_images_pass(problem_of, ct, pet):
    assert problem_of(ct, pet) == ""


FAULTS = {
    "CT + 1000": (hu() + 1000, suv(), "CTres.nii.gz not in HU"),
    "CT + 1024": (hu() + 1024, suv(), "CTres.nii.gz not in HU"),
    "CT from 0": (np.clip(hu() + 1024, 0, 4095), suv(), "CTres.nii.gz: CT without negative values"),
    "CT in -1..1": (hu() / 1000, suv(), "CTres.nii.gz: not in HU"),
    "CT x 10": (hu() * 10, suv(), "CTres.nii.gz: not in HU"),
    "swapped": (suv(), hu(), "CTres.nii.gz: "),
    "swapped, PET below 0": (suv() - 0.02, hu(), "CTres.nii.gz: not in HU"),
    "PET is the CT": (hu(), hu(), "SUV.nii.gz: not in SUV"),
    "PET is the CT + 1024": (hu(), hu() + 1024, "SUV.nii.gz: not in SUV"),
    "PET is the CT, cut at 0": (hu(), np.maximum(hu(), 0), "SUV.nii.gz: not a PET but a copy of the CT"),
    "PET is the CT, scaled": (hu(), (hu() + 1000) / 100, "SUV.nii.gz: not a PET but a copy of the CT"),
    "negative PET": (hu(), -suv(), "SUV.nii.gz: not in SUV"),
    "PET x 94": (hu(), suv() * 94, "SUV.nii.gz: not in SUV"),
    "PET x 20.7": (hu(), suv() * 20.7, "SUV.nii.gz: not in SUV"),
    "PET x 14": (hu(), suv() * 14, "SUV.nii.gz: not in SUV"),
    "PET / 71": (hu(), suv() / 71, "SUV.nii.gz: not in SUV"),
    "PET / 1e6": (hu(), suv() / 1e6, "SUV.nii.gz: not in SUV"),
}


@pytest.mark.parametrize("with_label", [True, False], ids=["labeled", "unlabeled"])
@pytest.mark.parametrize("fault", FAULTS)
def test_images_that_are_not_hu_and_suv_are_refused(problem_of, fault, with_label):
    ct, pet, words = FAULTS[fault]
    assert all(word in problem_of(ct, pet, with_label) for word in words.split(" ", 1))


@pytest.fixture
def dicom_source(tmp_path):
    for number in range(6):
        write_case(tmp_path / "src" / f"p{number}", patient=f"Pat {number}", seed=number)
    return tmp_path / "src"


def retag(folder, **tags):
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


def write_labels(source, petct):
    folder = source.parent / "labels"
    folder.mkdir()
    for case in find_dicom_cases(source)[:3]:
        label = np.zeros((10, 11, 12), np.uint8)
        label[2:5, 3:6, 4:7] = 1
        image = petct.image_of(label, like=read_pet_suv(case.pet.files[0].parent, allow_bqml=True))
        sitk.WriteImage(image, str(folder / f"{case.case_id}.nii.gz"))
    return folder


def line_of(report: str, case: str) -> str:
    section = report.partition("## PET units and uptake")[2]
    return next(line for line in section.splitlines() if line.startswith(f"| {case}"))


def test_report_has_time_dose_weight_and_uptake_of_every_case(convert, dicom_source, petct):
    retag(dicom_source / "p5" / "pet", SeriesTime="130000", AcquisitionTime="130000")
    done = convert("dicom", dicom_source, "--labels", write_labels(dicom_source, petct), sizes=(2, 1, 0))
    assert done.exit_code == 0
    assert (
        "| uptake min | dose MBq | weight kg | share of the dose | body kg in view | mean SUV of the body |"
        in done.report
    )
    cases = done.record["cases"]
    for case, entry in cases.items():
        found, usual = entry["findings"], not case.startswith("pat-5")
        minutes = 60 if usual else 180
        assert found["header"] == {"weight_kg": 70, "dose_mbq": 350, "uptake_minutes": minutes}
        suv_mean = pet_volume(int(case[4])).mean() / 5000 * 2 ** (minutes * 60 / 6586.2)
        assert found["uptake"]["mean_suv"] == pytest.approx(
            suv_mean, rel=0.05
        )  # the body is a random part of the image
        assert found["uptake"]["dose_share"] == pytest.approx(suv_mean * 1320 * 0.08 / 70000, rel=0.05)
        assert ("| 60 | 350 | 70 |" if usual else "| **180** | 350 | 70 |") in line_of(done.report, case)


def test_cases_in_bqml_stand_in_record_and_report_and_check_warns_of_them(convert, dicom_source, petct, capfd):
    retag(dicom_source / "p5" / "pet", PatientWeight=None)
    labels = write_labels(dicom_source, petct)
    done = convert("dicom", dicom_source, "--labels", labels, "--allow-bqml", sizes=(2, 1, 0))
    assert done.exit_code == 0
    in_bqml = [case for case, entry in done.record["cases"].items() if entry["findings"].get("pet_unit") == "Bq/ml"]
    assert [case[:5] for case in in_bqml] == ["pat-5"]
    assert f"**PET in Bq/ml, not SUV** (--allow-bqml), and so not checked: {in_bqml[0]}." in done.report
    cli.main(["check", "-d", "705"])
    values = next(line for line in capfd.readouterr().out.splitlines() if line[9:].startswith("values"))
    assert values.startswith("warning")
    assert f"PET in Bq/ml, as muduo_cases.json says: {in_bqml[0]}" in values


def test_bqml_is_allowed_only_where_suv_cannot_be_had(dicom_source):
    """The header has all it needs, but the stored values are a thousand times too large."""
    retag(dicom_source / "p0" / "pet", RescaleSlope=1000)
    case = find_dicom_cases(dicom_source, allow_bqml=True)[0]
    assert "not in SUV" in check_case(case, allow_bqml=True)["problem"]


@pytest.mark.parametrize(("n_slices", "is_refused"), [(9, False), (4, True)])
def test_a_ct_that_covers_part_of_the_pet_is_said_or_refused(convert, dicom_source, petct, n_slices, is_refused):
    """The whole CT has 12 slices, which cover 83 % of the PET."""
    folder = dicom_source / "p5" / "ct"
    slices = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])
    for path in slices[n_slices:]:
        path.unlink()
    done = convert("dicom", dicom_source, "--labels", write_labels(dicom_source, petct), sizes=(2, 1, 0))
    assert done.exit_code == is_refused
    if is_refused:
        assert "the CT covers too little of the PET" in done.report.partition("## Refused")[2]
    else:
        assert "**The CT does not cover the PET of 6 cases**: pat-0" in done.report
        (line,) = (line for line in done.report.splitlines() if line.startswith("**The CT does not cover"))
        shares = [int(part.rpartition("(")[2].partition("%")[0]) for part in line.split("; ")]
        assert all(75 <= share <= 85 for share in shares[:5])
        assert 55 <= shares[5] <= 65


@pytest.mark.parametrize("n_times", [94, 14, 3])
def test_a_dose_that_a_patient_never_got_is_refused(tmp_path, n_times):
    """A body of 60 l with SUV 0.9, in a header that says a dose so many times too small."""
    stored = np.full((24, 10, 10), 4500, np.int16)
    folder = write_series(tmp_path / "pet", stored, spacing_mm=(50.0, 50.0, 10.0))
    assert sitk.GetArrayViewFromImage(read_pet_suv(folder)).mean() == pytest.approx(
        0.9 * 2 ** (3600 / 6586.2), rel=1e-3
    )
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 350e6 / n_times
        dataset.save_as(path)
    with pytest.raises(ValueError, match="times the dose that was injected"):
        read_pet_suv(folder)
