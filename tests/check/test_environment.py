"""What is installed: the trainer and its teachers, there and missing."""

from support import write_config

from nnunetv2_muduo.check.findings import PROBLEM


def test_only_the_trainers_own_teachers_are_looked_for(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, pet_teacher=str(tmp_path / "nothing.pth"))
    assert check()[0] == 1
    exit_code, found = check("-tr", "nnUNetTrainerMuDuo_CTTeacherOnly")
    assert exit_code == 0
    assert "PET teacher" not in found
    exit_code, found = check("-tr", "nnUNetTrainer")
    assert exit_code == 1
    assert "has no teachers" in found["trainer"][1]


def find_nothing(name):
    """nnU-Net's finder where this package is not installed as a wheel, in words of its own."""
    raise RuntimeError(f"Could not find requested nnunet trainer {name}")


def test_missing_trainer_and_teachers_are_named(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, ct_teacher=str(tmp_path / "nothing.pth"))
    monkeypatch.setattr("nnunetv2.utilities.find_objects.recursive_find_trainer_class_by_name", find_nothing)
    exit_code, found = check()
    assert exit_code == 1
    assert found["trainer"][0] == PROBLEM
    assert "export nnUNet_extTrainer=" in found["trainer"][1]
    assert "no such file" in found["CT teacher"][1]
    write_config(monkeypatch, tmp_path, no_such_field=1)
    assert "no_such_field" in check()[1]["config"][1]


def test_a_trainer_without_teachers_is_asked_for_none(dataset, check, monkeypatch, tmp_path):
    write_config(
        monkeypatch, tmp_path, ct_teacher=str(tmp_path / "nothing.pth"), pet_teacher=str(tmp_path / "none.pth")
    )
    for name in ("nnUNetTrainerMuDuo_Supervised", "nnUNetTrainerMeanTeacher"):
        exit_code, found = check("-tr", name)
        assert exit_code == 0
        assert not found.keys() & {"CT teacher", "PET teacher"}
    assert check()[0] == 1


def test_teachers_that_were_exchanged_are_a_problem(dataset, check, monkeypatch, tmp_path):
    write_config(monkeypatch, tmp_path, ct_teacher="small_pet", pet_teacher="small_ct")
    exit_code, found = check()
    assert exit_code == 1
    assert "it is for PET" in found["CT teacher"][1]
    assert "it is for CT" in found["PET teacher"][1]
