"""Which patients teach the teachers and which are studied: never the same."""

import pytest

from benchmarks.small_teachers.label_cohorts import split_patients
from nnunetv2_muduo.phantom.label_cohort import mapped_case


def make_maps(folder, n_patients):
    for patient in range(n_patients):
        for study in range(1 + (patient % 20 == 0)):
            (folder / f"fdg_{patient:04x}_study-{study}.nii.gz").touch()


def patients(files):
    return [mapped_case(path).patient_name for path in files]


def test_no_patient_is_on_both_sides(tmp_path):
    make_maps(tmp_path, 262)
    teachers, study = split_patients(tmp_path)
    assert len(set(patients(teachers))) == 140
    assert len(study) == len(set(patients(study))) == 120
    assert not set(patients(teachers)) & set(patients(study))
    everything = [path.name for path in tmp_path.iterdir()]
    for name in set(patients(teachers)):
        assert patients(teachers).count(name) == sum(file.startswith(f"{name}_") for file in everything)


def test_the_draw_depends_on_the_seed_alone(tmp_path):
    make_maps(tmp_path, 262)
    assert split_patients(tmp_path) == split_patients(tmp_path)
    assert split_patients(tmp_path, seed=1) != split_patients(tmp_path)


def test_too_few_patients_are_refused(tmp_path):
    make_maps(tmp_path, 259)
    with pytest.raises(ValueError, match="259 patients, 260 are needed"):
        split_patients(tmp_path)
