"""Cohorts from label maps on disk: names, determinism, going on, what is refused, and the command line."""

import hashlib
import itertools
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.label_cohort import mapped_case, write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_label_files, read_labels
from nnunetv2_muduo.phantom.organs import organ_kinds, tissue_table, unknown_organs
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS
from nnunetv2_muduo.phantom.tissues import TISSUES

SPACING_MM = 12.0


def digests(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def read(study, name):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(study / f"{name}.nii.gz")))


def assert_other_images(study, other):
    """Texture and noise of the lungs, which look alike in all studies, are not related."""
    lungs = read(study, "SEG") == 5
    for name in ("CTres", "SUV"):
        assert np.corrcoef(read(study, name)[lungs], read(other, name)[lungs])[0, 1] < 0.9, name


@pytest.fixture(scope="module")
def files(label_folder):
    return find_label_files(label_folder)


@pytest.fixture(scope="module")
def labels(files):
    return read_labels(files)


@pytest.fixture(scope="module")
def mapped_cohort(files, labels, tmp_path_factory):
    """(folder, studies) of all maps, seed 4, written in this process."""
    folder = tmp_path_factory.mktemp("mapped") / "cohort"
    return folder, write_cohort_from_labels(files, folder, labels, 4, SPACING_MM, n_processes=1)


def test_patients_and_studies_are_those_of_the_file_names(mapped_cohort, files):
    folder, studies = mapped_cohort
    assert [study.parent.name for study in studies] == ["fdg_00aa11bb22", "fdg_11cc22dd33", "fdg_11cc22dd33"]
    for study, path in zip(studies, files, strict=True):
        assert f"{study.parent.name}_{study.name}.nii.gz" == path.name
        assert {image.name for image in study.iterdir()} == {"CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz"}
    assert read_labels(files) == json.loads((folder / "labels.json").read_text())


def test_other_file_names_are_patients_with_one_study():
    case = mapped_case("/some/where/case.07.nii.gz")
    assert (case.patient_name, case.study_name) == ("case.07", "PET-CT")


def test_files_do_not_depend_on_order_number_or_processes(mapped_cohort, files, labels, tmp_path):
    folders = write_cohort_from_labels(files[:0:-1], tmp_path / "c", labels, 4, SPACING_MM, n_processes=2)
    assert folders[0].name in files[2].name
    again, first = digests(tmp_path / "c"), digests(mapped_cohort[0])
    assert len(again) == 2 * 3 + 2
    assert again.items() <= first.items()


def test_another_seed_gives_other_images_of_the_same_organs(mapped_cohort, files, labels, tmp_path):
    (other,) = write_cohort_from_labels(files[:1], tmp_path / "c", labels, 5, SPACING_MM, n_processes=1)
    studies = mapped_cohort[1][0], other
    np.testing.assert_array_equal(*(read(study, "SEG") for study in studies))
    assert_other_images(*studies)


def test_the_body_is_the_patients_and_the_images_are_the_studys(files, labels, tmp_path):
    (tmp_path / "maps").mkdir()
    names = [f"fdg_{patient}_{date}.nii.gz" for patient, date in (("0a", "2001"), ("0a", "2002"), ("0b", "2001"))]
    copies = [shutil.copy(files[0], tmp_path / "maps" / name) for name in names]
    studies = write_cohort_from_labels(copies, tmp_path / "c", labels, 4, SPACING_MM, n_processes=1)
    for pair in itertools.combinations(studies, 2):
        assert_other_images(*pair)
    liters = [(read(study, "CTres") > -400).sum() * (SPACING_MM / 100) ** 3 for study in studies]
    assert abs(liters[0] - liters[1]) < 0.5 * abs(liters[0] - liters[2])


def test_a_second_call_adds_what_is_missing_and_keeps_the_rest(files, labels, tmp_path):
    (kept,) = write_cohort_from_labels(files[:1], tmp_path / "c", labels, 4, SPACING_MM, n_processes=1)
    (kept / "SUV.nii.gz").write_bytes(b"marked")
    folders = write_cohort_from_labels(files[:2], tmp_path / "c", labels, 4, SPACING_MM, n_processes=1)
    assert (kept / "SUV.nii.gz").read_bytes() == b"marked"
    assert (folders[1] / "SEG.nii.gz").is_file()


def test_other_settings_and_other_cohorts_are_refused(mapped_cohort, files, labels, tmp_path):
    folder = mapped_cohort[0]
    for match, changed in (
        ("another seed", {"seed": 5}),
        ("another spacing_mm", {"spacing_mm": 10.0}),
        ("another labels", {"labels": labels | {"more": 10}}),
        ("another population", {"population": replace(MAPPED_ADULTS, cold_fraction=0.3)}),
    ):
        settings = {"labels": labels, "seed": 4, "spacing_mm": SPACING_MM} | changed
        with pytest.raises(ValueError, match=match):
            write_cohort_from_labels(files, folder, **settings)
    with pytest.raises(ValueError, match="another population"):
        write_cohort(folder, 1, seed=4, spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match="would be the study fdg_00aa11bb22"):
        write_cohort_from_labels([files[0], files[0]], tmp_path / "c", labels, 4, SPACING_MM)
    with pytest.raises(ValueError, match="need cases >= 1"):
        write_cohort_from_labels([], tmp_path / "c", labels, 4, SPACING_MM)
    assert not (tmp_path / "c").exists()


def test_values_without_a_name_and_maps_without_a_landmark_are_refused(files, labels, tmp_path):
    few = {name: value for name, value in labels.items() if value < 5}
    with pytest.raises(ValueError, match=r"holds the values \[5, 6, 7, 8.*which have no name"):
        write_cohort_from_labels(files[:1], tmp_path / "a", few, 4, SPACING_MM, n_processes=1)
    odd = {"background": 0} | {f"thing_{value}": value for value in range(1, 10)}
    with pytest.raises(ValueError, match="nothing says what part of the body"):
        write_cohort_from_labels(files[:1], tmp_path / "b", odd, 4, SPACING_MM, n_processes=1)


def test_unknown_organs_are_soft_tissue_of_their_own():
    labels = {"background": 0, "kidney_left": 1, "urinary_bladder": 2, "adrenal_gland_left": 3, "thymus": 4, "vein": 5}
    assert organ_kinds(labels) == {1: "kidney", 2: "bladder", 3: "gland", 4: "thymus", 5: "vein"}
    assert unknown_organs(labels) == ["thymus"]
    table = tissue_table(labels)
    assert table[: len(TISSUES)] == TISSUES
    assert [tissue.name for tissue in table[len(TISSUES) :]] == ["cyst", "thymus"]
    assert 20 < table[-1].hu < 70


def test_names_are_read_from_where_they_are(files, tmp_path):
    folder = tmp_path / "dataset" / "labelsTr"
    folder.mkdir(parents=True)
    shutil.copy(files[0], folder)
    found = find_label_files(tmp_path / "dataset")
    assert [path.name for path in found] == [files[0].name]
    (tmp_path / "dataset" / "dataset.json").write_text('{"labels": {"background": 0, "liver": 3}}')
    assert read_labels(found) == {"background": 0, "liver": 3}
    (tmp_path / "names.json").write_text('{"background": 0, "spleen": 7}')
    assert read_labels(found, tmp_path / "names.json") == {"background": 0, "spleen": 7}
    with pytest.raises(FileNotFoundError, match="no file"):
        read_labels(found, tmp_path / "nowhere.json")
    with pytest.raises(FileNotFoundError, match="no label maps"):
        find_label_files(tmp_path)


def test_without_names_only_autopet3_is_known(files, tmp_path):
    (tmp_path / "maps").mkdir()
    shutil.copy(files[0], tmp_path / "maps")
    labels = read_labels(find_label_files(tmp_path / "maps"))
    assert labels["head_glands"] == 10
    assert labels["kidneys"] == 2
    for name, change in (("fdg_00aa_tumor", lambda a: (a > 4).astype(np.uint8)), ("mine", lambda a: a)):
        folder = tmp_path / name
        folder.mkdir()
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(files[0])))
        sitk.WriteImage(sitk.GetImageFromArray(change(array)), str(folder / f"{name}.nii.gz"))
        with pytest.raises(ValueError, match=r"Put a labels\.json beside the maps"):
            read_labels(find_label_files(folder))


def test_command_line_and_conversion(label_folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "cohort"
    command = ["phantom", str(out), "--from-labels", str(label_folder), "--spacing", "12", "-np", "1"]
    assert main([*command, "--cases", "2"]) == 0
    assert "2 studies of 2 patients" in capsys.readouterr().out
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "1 spleen, 2 kidneys, 3 liver" in printed
    assert "3 studies of 2 patients at 12 mm" in printed
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    convert = ["convert", "autopet", str(out), "-d", "711", "--name", "Mapped", "-np", "1"]
    assert main([*convert, "--labeled", "1", "--val", "0", "--test", "1"]) == 0
    dataset = json.loads((tmp_path / "raw" / "Dataset711_Mapped" / "dataset.json").read_text())
    assert dataset["labels"] == json.loads((label_folder / "labels.json").read_text())


def test_command_line_mistakes(label_folder, tmp_path, capsys):
    assert main(["phantom", str(tmp_path / "c"), "--labels", str(label_folder / "labels.json")]) == 1
    assert "--from-labels" in capsys.readouterr().err
    assert main(["phantom", str(tmp_path / "c"), "--from-labels", str(label_folder), "--cases", "0"]) == 1
    assert "--cases must be at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
