"""Cohorts from label maps: geometry, and where PET and CT disagree; on disk names, determinism, going on, and what is refused."""

import hashlib
import itertools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.phantom import medians
from scipy.ndimage import binary_dilation

from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.phantom.label_cohort import Recipe, mapped_case, render_from_labels, write_cohort_from_labels
from nnunetv2_muduo.phantom.label_files import find_label_files, find_organ_values
from nnunetv2_muduo.phantom.population import MAPPED_ADULTS

SPACING_MM = 12.0


def centroid_mm(image, value):
    z, y, x = np.argwhere(sitk.GetArrayFromImage(image) == value).mean(0)
    return image.TransformContinuousIndexToPhysicalPoint((x, y, z))


@pytest.mark.parametrize("index", range(3))
def test_organs_stay_where_they_are_in_space_and_as_large(label_folder, labels, index):
    path = find_label_files(label_folder)[index]
    source = sitk.ReadImage(str(path))
    images = render_from_labels(mapped_case(path), Recipe(labels, 0, 8.0, MAPPED_ADULTS))
    seg = images["SEG"]
    assert seg.GetSpacing() == (8, 8, 8)
    assert seg.GetDirection() == source.GetDirection()
    for image in images.values():
        assert (image.GetSize(), image.GetOrigin()) == (seg.GetSize(), seg.GetOrigin())
        assert image.GetDirection() == seg.GetDirection()
    present = set(np.unique(sitk.GetArrayFromImage(source)))
    assert set(np.unique(sitk.GetArrayFromImage(seg))) == present
    assert len(present) >= 9
    for value in present - {0}:
        np.testing.assert_allclose(centroid_mm(seg, value), centroid_mm(source, value), atol=4)
        volumes = [(sitk.GetArrayFromImage(i) == value).sum() * np.prod(i.GetSpacing()) for i in (seg, source)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_breathing_moves_the_pet_and_not_the_ct(render, labels):
    still, moved = (
        render(0, breathing_fraction=1.0, breathing_mm=(mm, mm), pet_noise=(0.0, 0.0)) for mm in (0.0, 12.0)
    )
    np.testing.assert_array_equal(still["CTres"], moved["CTres"])
    top = np.argwhere((still["SEG"] == labels["liver"]).any((1, 2)))[-1, 0]
    columns = (still["SEG"] == labels["liver"])[top - 4 : top].any(0)
    profiles = [images["SUV"][top - 6 : top + 6, columns].mean(1) for images in (still, moved)]
    z_mm = np.arange(12) * 8.0
    shifts = np.arange(-20, 20.5, 0.5)
    errors = [np.abs(np.interp(z_mm + s, z_mm, profiles[0]) - profiles[1])[3:-3].sum() for s in shifts]
    assert abs(shifts[np.argmin(errors)]) == pytest.approx(10, abs=3.5)  # less than 12 away from the diaphragm


def test_contrast_medium_is_in_the_ct_alone(render, labels):
    plain, enhanced = (render(0, contrast_fraction=f, ct_noise_hu=(10.0, 10.0)) for f in (0.0, 1.0))
    for name, gain in (("heart", 40), ("kidneys", 50), ("liver", 20), ("spleen", 25)):
        hu = [medians(images, "CTres", labels)[name] for images in (plain, enhanced)]
        assert hu[1] - hu[0] > gain, name
    assert abs(np.subtract(*(medians(images, "CTres", labels)["bladder"] for images in (plain, enhanced)))) < 20


def test_lesions_are_hot_places_outside_the_organs(render, labels):
    def n_hot(images):
        known = np.isin(images["SEG"], [labels[n] for n in ("bladder", "kidneys", "brain", "heart", "stomach")])
        return ((images["SUV"] > 4) & ~binary_dilation(known, iterations=3) & (images["SEG"] == 0)).sum()

    without, with_lesions = (
        sum(n_hot(render(index, lesion_fraction=f, uptake_variation=0.0)) for index in range(3)) for f in (0.0, 1.0)
    )
    assert with_lesions > without + 10


SHARED = Path(os.environ.get("MUDUO_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "autopet3_organs"


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no AutoPET III organ maps in {SHARED}")
def test_a_real_map_keeps_its_organs():
    path = find_label_files(SHARED)[0]
    labels = find_organ_values([path])
    images = render_from_labels(mapped_case(path), Recipe(labels, 0, 8.0, MAPPED_ADULTS))
    source = sitk.ReadImage(str(path))
    counts, expected = (
        np.bincount(sitk.GetArrayFromImage(image).ravel(), minlength=11)[1:] * np.prod(image.GetSpacing())
        for image in (images["SEG"], source)
    )
    np.testing.assert_allclose(counts, expected, rtol=0.05, atol=512)
    np.testing.assert_allclose(
        centroid_mm(images["SEG"], labels["spleen"]), centroid_mm(source, labels["spleen"]), atol=3
    )


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
    assert find_organ_values(files) == json.loads((folder / "labels.json").read_text())


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
