"""The cohort on disk: layout, geometry, determinism, going on where it stopped, and what is refused."""

import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.phantom.cohort import iterate_cases, render_case, write_cohort
from nnunetv2_muduo.phantom.population import ADULTS
from nnunetv2_muduo.phantom.tissues import LABELS

IMAGES = {"CTres": sitk.sitkInt16, "SUV": sitk.sitkFloat32, "SEG": sitk.sitkUInt8}


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(study, name):
    return sitk.ReadImage(str(study / f"{name}.nii.gz"))


def physical_centroid(study, organ):
    """Center of an organ in LPS mm, from the image's own geometry."""
    seg = read(study, "SEG")
    z, y, x = np.argwhere(sitk.GetArrayFromImage(seg) == LABELS[organ]).mean(0)
    return seg.TransformContinuousIndexToPhysicalPoint((x, y, z))


def test_layout_and_names_are_those_of_autopet(cohort):
    folder, studies = cohort
    assert json.loads((folder / "labels.json").read_text()) == LABELS
    assert len(set(studies)) == 4
    for study in studies:
        assert re.fullmatch(r"PETCT_[0-9a-f]{10}", study.parent.name)
        assert re.fullmatch(r"\d\d-\d\d-\d{4}-NA-PET-CT Ganzkoerper  primaer mit KM-\d{5}", study.name)
        assert {path.name for path in study.iterdir()} == {f"{name}.nii.gz" for name in IMAGES}
    assert {path.name for path in folder.iterdir()} == {s.parent.name for s in studies} | {
        "labels.json",
        "phantom.json",
    }


def test_a_quarter_of_the_patients_have_several_studies():
    patients = [case.patient_name for case in itertools.islice(iterate_cases(seed=11), 130)]
    counts = np.array([len(list(group)) for _, group in itertools.groupby(patients)])
    assert len(counts) == len(set(patients))
    assert (counts > 1).mean() == pytest.approx(0.25, abs=0.02)
    assert counts.max() == 3


def test_the_three_images_share_one_grid(cohort):
    for study in cohort[1]:
        images = {name: read(study, name) for name in IMAGES}
        for name, image in images.items():
            assert image.GetPixelID() == IMAGES[name]
            assert image.GetSpacing() == (12, 12, 12)
            for attribute in ("GetSize", "GetOrigin", "GetDirection"):
                assert getattr(image, attribute)() == getattr(images["SEG"], attribute)()
        assert images["SEG"].GetDirection() == (1, 0, 0, 0, -1, 0, 0, 0, 1)  # AutoPET's


def test_left_right_front_and_head_are_right_in_physical_space(cohort):
    for study in cohort[1]:
        for organ in ("kidney", "lung_lower_lobe", "lung_upper_lobe"):
            assert physical_centroid(study, f"{organ}_left")[0] > physical_centroid(study, f"{organ}_right")[0] + 60
        liver, spleen, heart, kidney = (
            physical_centroid(study, o) for o in ("liver", "spleen", "heart", "kidney_left")
        )
        assert liver[0] < heart[0] < spleen[0]
        assert heart[1] < kidney[1] - 20  # LPS: y to the back
        assert heart[2] > liver[2] > kidney[2]


def test_the_same_seed_gives_the_same_files_with_any_number_of_processes(cohort, tmp_path):
    write_cohort(tmp_path / "again", n_cases=2, seed=3, spacing_mm=12, n_processes=2)
    first, again = digests(cohort[0]), digests(tmp_path / "again")
    assert len(again) == 2 * 3 + 2
    assert again.items() <= first.items()


def test_another_seed_gives_other_patients():
    names = [{case.patient_name for case in itertools.islice(iterate_cases(seed), 5)} for seed in (0, 1)]
    assert not names[0] & names[1]


def test_a_second_call_adds_what_is_missing_and_keeps_the_rest(tmp_path):
    first = write_cohort(tmp_path / "c", n_cases=1, seed=0, spacing_mm=12, n_processes=1)
    kept = first[0] / "SUV.nii.gz"
    kept.write_bytes(b"marked")
    stopped = next(itertools.islice(iterate_cases(0), 1, None))
    partial = tmp_path / "c" / stopped.patient_name / f".{stopped.study_name}.partial"
    partial.mkdir(parents=True)
    (partial / "CTres.nii.gz").write_bytes(b"half")
    folders = write_cohort(tmp_path / "c", n_cases=2, seed=0, spacing_mm=12, n_processes=1)
    assert kept.read_bytes() == b"marked"
    assert not partial.exists()
    assert sitk.GetArrayFromImage(read(folders[1], "SEG")).any()


def test_other_content_and_other_recipes_are_refused(cohort, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not a phantom cohort"):
        write_cohort(tmp_path, n_cases=1, seed=0)
    with pytest.raises(ValueError, match="another spacing_mm"):
        write_cohort(cohort[0], n_cases=4, seed=3, spacing_mm=6)
    with pytest.raises(ValueError, match="another seed"):
        write_cohort(cohort[0], n_cases=4, seed=4, spacing_mm=12)
    with pytest.raises(ValueError, match="another population"):
        write_cohort(cohort[0], n_cases=4, seed=3, spacing_mm=12, population=replace(ADULTS, bmi=(20, 21)))


@pytest.mark.parametrize(
    "setting", [{"n_cases": 0}, {"seed": -1}, {"spacing_mm": 0}, {"spacing_mm": 30}, {"n_processes": 0}]
)
def test_settings_out_of_range_are_refused(tmp_path, setting):
    with pytest.raises(ValueError, match="got"):
        write_cohort(tmp_path / "c", **{"n_cases": 1, "seed": 0, **setting})
    assert not (tmp_path / "c").exists()


def test_workers_start_without_torch_and_nnunet():
    program = "import sys, nnunetv2_muduo.phantom.cohort; print({'torch', 'nnunetv2', 'pandas'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_a_case_takes_seconds_at_most():
    case = next(iterate_cases(0))
    times_s = []
    for _ in range(2):
        started = time.process_time()
        render_case(case, 8.0)
        times_s.append(time.process_time() - started)
    assert min(times_s) < 3  # measured: about 0.25


def test_the_phantom_of_a_seed_stays_what_it_was():
    """Figures of the first release: cohorts that people have made can be made again."""
    images = render_case(next(iterate_cases(0)), 12.0)
    digest = hashlib.sha256(images["SEG"].tobytes()).hexdigest()
    assert digest.startswith("030ec2147ac61c58")
    assert images["CTres"].sum(dtype=np.int64) == pytest.approx(-121903775, abs=50)  # rounding differs between machines
    assert images["SUV"].sum(dtype=np.float64) == pytest.approx(23701.265625, abs=0.5)
