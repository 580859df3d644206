"""The script that makes the README's picture; the trainings themselves take it half an hour."""

import yaml

from benchmarks import readme_picture
from nnunetv2_muduo.cli.demo import RAW, STUDENTS
from nnunetv2_muduo.config import MuDuoConfig


class NotedSteps:
    """A runner of steps that notes them; the data set is there as soon as it is converted."""

    def __init__(self, folder):
        self.folder, self.commands = folder, []

    def run(self, *commands, **_):
        self.commands += commands
        if "convert" in commands[0]:
            (self.folder / RAW / "labelsTs").mkdir(parents=True)
            for case in ("case_b", "case_a", "case_c"):
                (self.folder / RAW / "labelsTs" / f"{case}.nii.gz").touch()


def test_the_picture_is_of_the_first_test_case_and_of_both_students(tmp_path, monkeypatch):
    monkeypatch.setattr(readme_picture, "narrow_network", lambda plans_file: None)
    steps = NotedSteps(tmp_path)
    readme_picture.train_and_draw(tmp_path, steps)
    *_, evaluated, drawn = steps.commands
    assert drawn.startswith("muduo figure case_a ")
    for name, trainer in STUDENTS.items():
        assert f"postprocessed/{name}" in evaluated
        assert f"--prediction {name}=postprocessed/{name}" in drawn
        assert (
            sum(command.endswith(f"-tr {trainer}") and "nnUNetv2_predict" in command for command in steps.commands) == 1
        )
        assert (
            sum(f"-tr {trainer} -device" in command and "nnUNetv2_train" in command for command in steps.commands) == 1
        )


def test_both_students_train_with_the_defaults_but_for_the_machine():
    config = yaml.safe_load(readme_picture.CONFIG)
    assert MuDuoConfig(**config).consistency_weight == MuDuoConfig().consistency_weight
