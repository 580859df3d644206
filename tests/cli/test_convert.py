"""Own data in nnU-Net's layout: names that don't say who the patient is, and `--patient-regex`, which does."""

import pytest

from nnunetv2_muduo.conversion.split import SETS


@pytest.fixture
def source(tmp_path, petct):
    """Six patients with two studies each, in imagesTr and labelsTr."""
    names = [f"site_pat{number:03d}_{study}" for number in range(6) for study in "ab"]
    petct.write_nnunet_layout(tmp_path / "src", names)
    return tmp_path / "src"


def sets_of_patients(done):
    sets = {}
    for case_id, entry in done.record["cases"].items():
        if entry["set"] in SETS:
            sets.setdefault(case_id.split("_")[1], set()).add(entry["set"])
    return sets


def test_unknown_patients_are_said_and_nothing_is_proven(convert, source):
    done = convert("autopet", source, sizes=(3, 2, 2))
    assert done.exit_code == 0
    assert len(done.record["cases"]) == 12
    assert max(map(len, sets_of_patients(done).values())) > 1  # they do leak, and nobody can see it
    assert "The patients of 12 cases are unknown**, so it can't be excluded" in done.report
    assert "--patient-regex" in done.report
    assert "patients in both" not in done.report
    assert {entry["patient_key"] for entry in done.record["cases"].values()} == {None}


def test_first_group_of_the_regex_is_the_patient(convert, source):
    done = convert("autopet", source, "--patient-regex", "_(pat[0-9]+)_", sizes=(3, 2, 2))
    assert done.exit_code == 0
    assert {entry["patient_key"] for entry in done.record["cases"].values()} == {f"pat{n:03d}" for n in range(6)}
    assert max(map(len, sets_of_patients(done).values())) == 1
    assert "## No patient in two sets" in done.report
    assert "unknown" not in done.report
    assert "site_pat000_a" in done.record["cases"]


def test_the_proof_is_of_known_patients_alone(convert, source):
    done = convert("autopet", source, "--patient-regex", "_(pat00[0-4])_", sizes=(3, 2, 2))
    assert "The patients of 2 cases are unknown" in done.report
    assert "The other 10 cases:\n\n| sets | patients in both |" in done.report


def test_muduo_check_says_it_too(convert, source):
    from nnunetv2_muduo.check.dataset import RawDataset, check_patients

    done = convert("autopet", source, sizes=(3, 2, 2))
    found = check_patients(RawDataset(done.dataset))
    assert found.status == "warning"
    assert "of 12 cases unknown" in found.found
    assert "leakage can't be excluded" in found.found


def test_a_later_call_with_another_regex_needs_another_dataset(convert, source):
    before = convert("autopet", source).files()
    done = convert("autopet", source, "--patient-regex", "(pat[0-9]+)")
    assert done.exit_code == 1
    assert "was made with" in done.message
    assert done.files() == before


def test_useless_regexes_are_refused(convert, source, petct, tmp_path):
    assert "needs a group" in convert("autopet", source, "--patient-regex", "pat[0-9]+").message
    assert "no regular expression" in convert("autopet", source, "--patient-regex", "(pat").message
    tree = petct.write_tree(tmp_path / "tree", 3)
    assert "a patient is a folder" in convert("autopet", tree, "--patient-regex", "(pat)").message
