"""Which CT is paired with which PET, by descriptions and frames of reference, and what the case is called."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
from dicom_writer import ct_volume, pet_volume, write_case, write_segmentation, write_series  # noqa: E402

from nnunetv2_muduo.conversion.dicom_tree import Wanted, find_dicom_cases  # noqa: E402

NAC = {"tags": {"CorrectedImage": ["DECY"]}}


def write_pair(folder, frame, ct="CT", pet="PET", seed=0):
    write_series(folder / frame / "pet", pet_volume(seed), series=f"{pet}", frame=frame, study="a")
    write_series(folder / frame / "ct", ct_volume(seed), modality="CT", series=f"{ct}", frame=frame, study="a")


def described(tmp_path, **wanted):
    (case,) = find_dicom_cases(tmp_path, Wanted(**wanted))
    return case.problem or f"{case.ct.files[0].parent.name} {case.pet.files[0].parent.name}"


def test_descriptions_are_whole_names_patterns_or_parts(tmp_path):
    for name in ("CT", "CT cor", "CT lung 1.0"):
        write_series(tmp_path / name, ct_volume(), modality="CT", series=name)
    for name in ("PET", "PET cor"):
        write_series(tmp_path / name, pet_volume(), series=name)
    assert described(tmp_path, ct="ct", pet="PET") == "CT PET"
    assert described(tmp_path, ct="CT cor", pet="pet cor") == "CT cor PET cor"
    assert described(tmp_path, ct="CT l*", pet="PET?cor") == "CT lung 1.0 PET cor"
    assert described(tmp_path, ct="lung", pet="PET") == "CT lung 1.0 PET"
    assert "3 CT series for one case" in described(tmp_path, ct="CT*", pet="PET")
    assert "2 CT series for one case" in described(tmp_path, ct="CT ", pet="PET")
    assert "a PET without its CT" in described(tmp_path, ct="sag", pet="PET")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("CT", "CT"),
        ("ct ", "2 CT series"),
        ("CT [AC]", "CT [AC]"),
        ("[AC]", "CT [AC]"),
        ("CT [[]*", "a PET without its CT"),
        ("CT [*", "CT [AC]"),
        ("CT cor?", "a PET without its CT"),
        ("CT*r", "CT cor"),
        ("*cor", "CT cor"),
        ("c", "3 CT series"),
    ],
)
def test_descriptions_with_signs(tmp_path, text, taken):
    for number, name in enumerate(("CT", "CT cor", "CT [AC]")):
        write_series(tmp_path / str(number), ct_volume(), modality="CT", series=name)
    write_series(tmp_path / "pet", pet_volume(), series="PET")
    (case,) = find_dicom_cases(tmp_path, Wanted(ct=text))
    if case.problem:
        assert taken in case.problem
    else:
        assert pydicom.dcmread(case.ct.files[0]).SeriesDescription == taken


def test_a_whole_description_in_one_frame_of_reference_leaves_the_others_alone(tmp_path):
    write_pair(tmp_path, "body", ct="CT", pet="PET")
    write_pair(tmp_path, "head", ct="CT head", pet="PET head")
    for wanted in (Wanted(), Wanted(ct="CT"), Wanted(pet="PET"), Wanted(ct="CT", pet="PET")):
        assert [case.problem for case in find_dicom_cases(tmp_path, wanted)] == ["", ""]


def test_a_description_that_no_ct_has_is_said_to_be_the_reason(tmp_path):
    write_case(tmp_path / "x")
    (case,) = find_dicom_cases(tmp_path, Wanted(ct="lung"))
    assert "none is described as --ct-description says, there are CT 'CT' in " in case.problem


def test_frames_of_reference_that_differ_have_a_way_round(convert, tmp_path):
    for number in range(2):
        folder = write_case(tmp_path / "src" / str(number), patient=f"Pat {number}", seed=number)
        write_segmentation(folder / "seg", folder / "pet", np.ones((10, 11, 12), np.uint8))
    for path in (tmp_path / "src" / "1" / "ct").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.FrameOfReferenceUID = "1.2.3"
        dataset.save_as(path)
    refused = convert("dicom", tmp_path / "src", sizes=(1, 0, 0))
    assert refused.exit_code == 1
    assert "--ignore-frame-of-reference takes the only CT" in refused.report
    done = convert("dicom", tmp_path / "src", "--ignore-frame-of-reference", sizes=(1, 0, 0))
    assert done.exit_code == 0
    line = next(line for line in done.report.splitlines() if "CT and PET have different frames of reference" in line)
    assert line.startswith("* pat-1_")
    assert sum("different frames of reference" in line for line in done.report.splitlines()) == 1


def with_frames(folder, **uid_of_modality):
    for modality, uid in uid_of_modality.items():
        for path in (folder / modality).iterdir():
            dataset = pydicom.dcmread(path)
            dataset.FrameOfReferenceUID = uid
            dataset.save_as(path)


@pytest.mark.parametrize("uids", [{"ct": "1.2.3"}, {"pet": "1.2.3"}, {"ct": ""}, {"pet": ""}, {"pet": "", "ct": ""}])
def test_frames_that_differ_or_are_missing(tmp_path, uids):
    with_frames(write_case(tmp_path / "x"), **uids)
    (refused,) = find_dicom_cases(tmp_path)
    assert "FrameOfReferenceUID (0020,0052)" in refused.problem
    assert "--ignore-frame-of-reference takes the only CT of the study" in refused.problem
    (taken,) = find_dicom_cases(tmp_path, Wanted(ignore_frame_of_reference=True))
    assert taken.problem == ""
    assert taken.case_id == refused.case_id
    assert taken.ct.files[0].parent.name == "ct"
    assert "--ignore-frame-of-reference" in taken.remark


def test_the_flag_changes_nothing_where_frames_agree(tmp_path):
    write_case(tmp_path / "x")
    assert find_dicom_cases(tmp_path) == find_dicom_cases(tmp_path, Wanted(ignore_frame_of_reference=True))


def test_the_flag_takes_one_ct_alone(tmp_path):
    with_frames(write_case(tmp_path / "x"), pet="1.2.3")
    write_series(tmp_path / "lung", ct_volume(), modality="CT", series="CT lung")
    (case,) = find_dicom_cases(tmp_path, Wanted(ignore_frame_of_reference=True))
    assert "takes the only CT of the study; here are 2" in case.problem
    (case,) = find_dicom_cases(tmp_path, Wanted(ct="CT lung", ignore_frame_of_reference=True))
    assert (case.problem, case.ct.files[0].parent.name) == ("", "lung")


def test_the_flag_takes_one_pet_alone(tmp_path):
    """Without frames of reference, nothing says that two PETs are two scans."""
    with_frames(write_case(tmp_path / "x"), pet="1.2.3")
    write_series(tmp_path / "cor", pet_volume(), series="PET cor", frame="other")
    wanted = Wanted(ignore_frame_of_reference=True)
    assert all("2 PT series for one case" in case.problem for case in find_dicom_cases(tmp_path, wanted))
    (case,) = find_dicom_cases(tmp_path, Wanted(pet="PET AC", ignore_frame_of_reference=True))
    assert case.problem == ""


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(ignore_frame_of_reference=True)])
@pytest.mark.parametrize("beside", ["nac", "lonely", "other study", "other patient", "ct", "damaged"])
def test_a_case_keeps_its_name_whatever_else_is_there(tmp_path, beside, wanted):
    folder = write_case(tmp_path / "x")
    (before,) = find_dicom_cases(tmp_path)
    if beside == "nac":
        write_series(folder / "more", pet_volume(), series="NAC", frame="other", **NAC)
    if beside == "lonely":
        write_series(folder / "more", pet_volume(), series="PET 2", frame="other")
    if beside == "other study":
        write_case(tmp_path / "y", study="b")
    if beside == "other patient":
        write_case(tmp_path / "y", patient="Pat 10")
    if beside == "ct":
        write_series(folder / "more", ct_volume(), modality="CT", series="CT of another frame", frame="other")
    if beside == "damaged":
        (tmp_path / "damaged").mkdir()
        (tmp_path / "damaged" / "0001.dcm").write_bytes(b"")
    (after,) = [case for case in find_dicom_cases(tmp_path, wanted) if case.pet and case.pet.files == before.pet.files]
    assert (after.case_id, after.problem) == (before.case_id, "")


def test_all_cases_of_a_study_have_names_of_their_own(tmp_path):
    write_pair(tmp_path, "body")
    write_pair(tmp_path, "head", pet="PET head", ct="CT head")
    write_series(tmp_path / "lonely", pet_volume(), series="PET lonely", frame="lonely")
    cases = find_dicom_cases(tmp_path)
    assert len({case.case_id for case in cases}) == 3
    for case in cases:
        assert case.case_id.endswith(pydicom.dcmread(case.pet.files[0]).SeriesInstanceUID[-5:])
    assert [bool(case.problem) for case in cases].count(True) == 1


def test_series_left_aside_without_saying_so_stand_in_the_remark(tmp_path):
    write_case(tmp_path / "x")
    write_series(tmp_path / "scout", ct_volume(shape=(2, 9, 9)), modality="CT", series="Topogram")
    (case,) = find_dicom_cases(tmp_path)
    assert case.remark == f"CT 'Topogram' in {tmp_path / 'scout'} left aside, no volume"
