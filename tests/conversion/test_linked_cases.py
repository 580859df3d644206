"""One scan that a source has under two names, by links: taken once, and said."""

import os
import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk

from nnunetv2_muduo.conversion.layouts import find_cases


@pytest.fixture
def source(petct, tmp_path):
    """Two patients; pat1 is the one whose scan gets other names."""
    for number in (1, 2):
        petct.write_study(tmp_path / "src" / f"pat{number}" / "study", petct.random_study(number))
    return tmp_path / "src"


def link_files(source: Path, patient: str, stems=("CTres", "SUV", "SEG"), link=os.symlink) -> Path:
    folder = source / patient / "study"
    folder.mkdir(parents=True)
    for stem in stems:
        link(source / "pat1" / "study" / f"{stem}.nii.gz", folder / f"{stem}.nii.gz")
    return folder


@pytest.mark.parametrize("patient", ["a_link", "z_link"])
@pytest.mark.parametrize("stems", [("CTres", "SUV", "SEG"), ("CTres", "SUV")], ids=["labeled", "unlabeled"])
def test_links_to_the_files_of_a_case_make_no_other(source, patient, stems):
    link_files(source, patient, stems)
    first, second = find_cases(source)
    assert [first.case_id, second.case_id] == ["pat1_study", "pat2_study"]
    assert first.label is not None
    assert first.remark == f"also found as {patient}/study, by links to the same images"
    assert not second.remark


def test_a_link_to_a_link_and_two_links_to_files_elsewhere(source, tmp_path):
    link_files(source, "b_link")
    folder = source / "c_link" / "study"
    folder.mkdir(parents=True)
    for stem in ("CTres", "SUV"):
        (folder / f"{stem}.nii.gz").symlink_to(source / "b_link" / "study" / f"{stem}.nii.gz")
    assert [case.case_id for case in find_cases(source)] == ["pat1_study", "pat2_study"]
    shutil.move(source / "pat1", tmp_path / "disk")
    for patient in ("b_link", "c_link"):
        shutil.rmtree(source / patient)
        (source / patient / "study").mkdir(parents=True)
        for stem in ("CTres", "SUV"):
            (source / patient / "study" / f"{stem}.nii.gz").symlink_to(tmp_path / "disk" / "study" / f"{stem}.nii.gz")
    first, second = find_cases(source)
    assert [first.case_id, second.case_id] == ["b_link_study", "pat2_study"]
    assert "c_link/study" in first.remark


def test_a_case_with_a_label_map_of_its_own_stays(source, petct):
    folder = link_files(source, "with_another_label", ("CTres", "SUV"))
    sitk.WriteImage(petct.random_study(9, label_values=(1, 2))["SEG"], str(folder / "SEG.nii.gz"))
    assert len(find_cases(source)) == 3


def test_a_ct_or_pet_alone_that_is_a_link_is_no_link_to_the_case(source, petct):
    folder = link_files(source, "same_ct", ("CTres",))
    sitk.WriteImage(petct.random_study(9)["SUV"], str(folder / "SUV.nii.gz"))
    assert len(find_cases(source)) == 3


def test_links_to_folders_in_chains_and_circles(source, tmp_path):
    for name, target in (("all", source), ("b", source / "a"), ("a", source / "pat1"), ("pat2/up", source / "all")):
        (source / name).symlink_to(target, target_is_directory=True)
    (source / "pat1" / "study" / "self").symlink_to(".", target_is_directory=True)
    assert [case.case_id for case in find_cases(source)] == ["pat1_study", "pat2_study"]


def test_links_among_files_of_nnunets_layout(petct, tmp_path):
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    for stem, file in (("CTres", "imagesTr/p_0000"), ("SUV", "imagesTr/p_0001"), ("SEG", "labelsTr/p")):
        sitk.WriteImage(petct.random_study(0)[stem], str(tmp_path / f"{file}.nii.gz"))
        name = file.replace("/p", "/copy_of_p")
        (tmp_path / f"{name}.nii.gz").symlink_to(tmp_path / f"{file}.nii.gz")
    (case,) = find_cases(tmp_path)
    assert case.case_id == "p"
    assert case.remark == "also found as copy_of_p, by links to the same images"


def test_the_report_says_it_and_no_copy_gets_into_another_set(convert, source, petct):
    for number in range(3, 6):
        petct.write_study(source / f"pat{number}" / "study", petct.random_study(number))
    link_files(source, "a_link", ("CTres", "SUV"))
    done = convert("autopet", source, sizes=(2, 2, 1))
    assert done.exit_code == 0
    assert len(done.record["cases"]) == 5
    assert not done.members("unlabeled")
    assert "* pat1_study: also found as a_link/study, by links to the same images" in done.report
