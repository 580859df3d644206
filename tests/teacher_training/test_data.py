"""What is learned from and what is held out."""

import pytest

from nnunetv2_muduo.teacher_training.data import hold_out, load_volumes, read_noisy_names, require_known


def test_patients_are_never_on_both_sides(volumes):
    train, held_out = hold_out(volumes, 0.5, seed=0)
    assert sorted(v.name for v in train + held_out) == sorted(v.name for v in volumes)
    assert not {v.patient for v in train} & {v.patient for v in held_out}
    with pytest.raises(ValueError, match=r"holding out 0\.5 of 1 patients"):
        hold_out(train[:1], 0.5, seed=0)


def test_noisy_labels_measure_nothing(volumes):
    for noisy in ("00aa", "00bb"):
        names = frozenset(v.name for v in volumes if v.patient == noisy)
        for seed in range(4):
            train, held_out = hold_out(volumes, 0.5, seed, frozenset(sorted(names)[:1]))
            assert {v.patient for v in train} == {noisy}
            assert noisy not in {v.patient for v in held_out}
    with pytest.raises(ValueError, match="2 of them with noisy labels"):
        hold_out(volumes, 0.5, 0, frozenset(v.name for v in volumes))


def test_each_case_has_its_own_spacing_from_the_range(raw_dataset, tmp_path):
    spacings = [
        [v.spacing_mm for v in load_volumes([str(raw_dataset)], "ct", (4.0, 6.0), tmp_path, seed)] for seed in (0, 0, 1)
    ]
    assert len(set(spacings[0])) == 3
    assert all(4 <= mm <= 6 for mm in spacings[0])
    assert spacings[0] == spacings[1] != spacings[2]


def test_list_of_cases_of_low_quality(volumes, tmp_path):
    path = tmp_path / "noisy.txt"
    path.write_text("fdg_00bb_2001\n\n")
    assert read_noisy_names(path) == {"fdg_00bb_2001"}
    require_known(read_noisy_names(path), volumes, path)
    path.write_text("fdg_00bb_2001\nnobody\n")
    with pytest.raises(ValueError, match=r"no such cases: \['nobody'\]"):
        require_known(read_noisy_names(path), volumes, path)
    with pytest.raises(FileNotFoundError, match="one case name a line"):
        read_noisy_names(tmp_path / "none.txt")
