import dataclasses

import pytest
import yaml

from nnunetv2_muduo import trainers
from nnunetv2_muduo.config import CONFIG_VARIABLE, MuDuoConfig, differences, former_defaults, load_config
from nnunetv2_muduo.trainers.mean_teacher import MeanTeacherConfig


@pytest.fixture
def config_file(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    return path


def test_every_field_is_documented():
    source = open(__import__("nnunetv2_muduo.config", fromlist=["config"]).__file__).read()
    for field in dataclasses.fields(MuDuoConfig):
        assert f'    {field.name}: {source.split(f"    {field.name}: ")[1].splitlines()[0]}\n    """' in source, (
            field.name
        )


def test_file_then_overrides(config_file):
    config_file.write_text("n_points: 5\nconsistency: dice\n")
    config = load_config({"n_points": 1})
    assert (config.n_points, config.consistency) == (1, "dice")


def test_no_file_is_all_defaults(monkeypatch):
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    assert load_config() == MuDuoConfig()


def test_saved_config_loads_again(config_file):
    config = MuDuoConfig(ct_teacher="small", num_epochs=3, consistency_weight=1)
    config.save(config_file)
    assert load_config() == config


def test_unknown_key_names_the_nearest(config_file):
    config_file.write_text("n_point: 5\n")
    with pytest.raises(ValueError, match=r"unknown key 'n_point'\. Did you mean 'n_points'"):
        load_config()


def test_file_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        load_config()


def test_yaml_never_runs_code(config_file):
    config_file.write_text("n_points: !!python/object/apply:os.system ['echo hacked']\n")
    with pytest.raises(ValueError, match="not valid YAML"):
        load_config()


@pytest.mark.parametrize(
    "values",
    [
        {"teachers": "none"},
        {"n_points": 0},
        {"n_points": 2.5},
        {"n_points": True},
        {"agreement_threshold": 1.5},
        {"teachers": "pet", "pet_mask_prompt_source": "ct_teacher"},
        {"consistency_weight": -1},
        {"consistency_weight": float("nan")},
        {"suppress_between_points": "yes"},
        {"num_epochs": 0},
        {"picture_every_epochs": -1},
        {"teacher_spacing": "1.5"},
        {"teacher_spacing_mm": 0},
        {"teacher_spacing_mm": 1.5, "patch_size": 128},
    ],
)
def test_values_that_make_no_sense_name_their_field(values, config_file):
    config_file.write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match=next(iter(values))):
        load_config()


def test_differences_are_listed():
    old, new = MuDuoConfig().to_dict(), MuDuoConfig(n_points=1).to_dict()
    assert differences(old, new) == ["n_points: 3 -> 1"]


OF_0_1 = {  # as its checkpoints hold it, with its defaults
    "ct_teacher": "sam_med3d", "pet_teacher": "seganypet", "teachers": "both", "teacher_spacing": "patch",
    "ct_mask_prompt_source": "student", "ct_mask_prompt_value": "logit", "n_points": 3, "point_smoothing_voxels": 3.0,
    "suppress_between_points": True, "kept_pairs": "best_half", "agreement_threshold": 0.5, "consistency": "dice",
    "consistency_weight": 0.3, "ramp_up_epochs": 200, "unlabeled_batch_size": None, "num_epochs": None,
    "num_iterations_per_epoch": None, "optimizer": "sgd", "augmentation": "nnunet", "prompt_generator_num_epochs": None,
    "picture_every_epochs": 10,
}  # fmt: skip
CHANGED_SINCE = {
    "ramp_up_epochs": 200, "ct_prompts": "mask", "pet_prompts": "points", "least_agreement": 0.0, "average_share": 0.0,
}  # fmt: skip


def test_a_training_of_0_1_keeps_the_defaults_that_it_began_with(config_file):
    config_file.write_text("")
    former = former_defaults(OF_0_1, MuDuoConfig)
    assert former == CHANGED_SINCE
    assert differences(OF_0_1, load_config({}, MuDuoConfig, former).to_dict()) == []
    others = [line.partition(":")[0] for line in differences(OF_0_1, MuDuoConfig().to_dict())]
    assert sorted(others) == sorted(CHANGED_SINCE)
    config_file.write_text("ct_prompts: points\naverage_share: 0.5")  # somebody's choice, though it is today's default
    changed = differences(OF_0_1, load_config({}, MuDuoConfig, former).to_dict())
    assert sorted(changed) == ["average_share: 0.0 -> 0.5", "ct_prompts: 'mask' -> 'points'"]


def test_other_trainings_have_todays_defaults():
    assert former_defaults({}, MuDuoConfig) == {}
    assert former_defaults(MuDuoConfig().to_dict(), MuDuoConfig) == {}


def test_a_method_has_former_defaults_of_its_own_fields_alone():
    assert former_defaults(OF_0_1, MeanTeacherConfig) == {"ramp_up_epochs": 200}


def test_pictures_make_no_other_training():
    assert differences(MuDuoConfig().to_dict(), MuDuoConfig(picture_every_epochs=3).to_dict()) == []


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("consistency_weight: 1e-1", "consistency_weight", 0.1),
        ("consistency_weight: 1E-1", "consistency_weight", 0.1),
        ("num_epochs: 010", "num_epochs", 10),
        ("n_points: 0o10", "n_points", 8),
        ("ramp_up_epochs: 2.5e1", "ramp_up_epochs", 25),
        ("ct_teacher: yes", "ct_teacher", "yes"),
        ("student_channels: [on, 'no']", "student_channels", ["on", "no"]),
        ("\ufeffn_points: 5", "n_points", 5),
        ("n_points: 5\r\nteachers: ct\r\n", "n_points", 5),
        ("labels_have_sides: True", "labels_have_sides", True),
    ],
)
def test_yaml_means_what_it_looks_like(config_file, text, field, value):
    config_file.write_text(text, encoding="utf-8")
    assert getattr(load_config(), field) == value


@pytest.mark.parametrize("text", ['{\t"consistency_weight":\t1e-1\t}', '\ufeff{"consistency_weight": 0.1}'])
def test_json_is_read_as_json(tmp_path, monkeypatch, text):
    path = tmp_path / "config.JSON"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    assert load_config().consistency_weight == 0.1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "c.yaml",
            b"n_points: 3\nteachers: ct\nn_points: 5",
            r"c\.yaml is not valid YAML: 'n_points' stands twice, in line 1 ",
        ),
        (
            "c.json",
            b'{"n_points": 3,\n"n_points": 3}',
            r"c\.json is not valid JSON: 'n_points' stands twice, in line 1 and in ",
        ),
        ("c.json", b"n_points: 3", r"c\.json is not valid JSON: .*line 1"),
        ("c.json", b'{"n_points": 3,}', r"c\.json is not valid JSON"),
        ("c.yaml", "ct_teacher: /daten/Köln".encode("latin-1"), r"c\.yaml is no text in UTF-8: line 1 .*0xf6.*Latin-1"),
        ("c.json", '{\n"ct_teacher": "é"}'.encode("latin-1"), r"c\.json is no text in UTF-8: line 2 .*0xe9.*Latin-1"),
        ("c.yaml", "n_points: 3".encode("utf-16"), r"c\.yaml is no text in UTF-8: line 1 .*UTF-16"),
        ("c.yaml", "n_points: 3\n".encode("utf-16-le"), r"c\.yaml is no text in UTF-8: line 1 .*0x00.*UTF-16"),
        ("c.yaml", "n_points: 3\n".encode("utf-16-be"), r"c\.yaml is no text in UTF-8: line 1 .*UTF-16"),
        ("c.yaml", b"\tn_points: 3", r"c\.yaml is not valid YAML(.|\n)*line 1"),
        ("c.yaml", b"n_points: " + b"[" * 10_000, r"c\.yaml is not valid YAML: it is nested too deeply"),
        ("c.yaml", b"false", r"c\.yaml must hold a mapping"),
        ("c.json", b"[]", r"c\.json must hold a mapping"),
    ],
)
def test_files_that_can_not_be_meant(tmp_path, monkeypatch, name, content, message):
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / name))
    with pytest.raises(ValueError, match=message):
        load_config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("consistency_weight: .inf", "consistency_weight must be 0 or above and at most 1,000, got inf"),
        ("consistency_weight: 1e400", "consistency_weight must be .*, got inf"),
        ("consistency_weight: -.inf", "consistency_weight must be"),
        ("consistency_weight: 1e9", "consistency_weight must be .* at most 1,000, got 1000000000.0"),
        ("ramp_up_epochs: .nan", "ramp_up_epochs must be above 0 and at most 1,000,000, got nan"),
        ("ramp_up_epochs: .inf", "ramp_up_epochs must be .*, got inf"),
        ("point_smoothing_voxels: .inf", "point_smoothing_voxels must be .* at most 100, got inf"),
        ("agreement_threshold: .nan", "agreement_threshold"),
        ("patch_size: 100000", "patch_size must be above 0 and at most 1,024, got 100000"),
        ("unlabeled_batch_size: 1000000", "unlabeled_batch_size must be .* at most 4,096"),
        ("num_epochs: 99999999999999999999", "num_epochs must be .* at most 1,000,000"),
        ("num_iterations_per_epoch: 1000001", "num_iterations_per_epoch must be"),
        ("prompt_generator_num_epochs: 1000001", "prompt_generator_num_epochs must be"),
        ("n_points: 100000", "n_points must be above 0 and at most 1,000"),
        ("picture_every_epochs: 100000000", "picture_every_epochs must be 0 or above and at most"),
        ("n_points: 1e1", "n_points must be int, got 10.0"),
        ("teachers: [[ct]]", r"teachers must be str, got \[\['ct'\]\]"),
    ],
)
def test_absurd_numbers_name_field_and_bounds(config_file, text, message):
    config_file.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config()


def test_a_few_lines_can_not_become_a_message_without_end(config_file):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    nested = "\n".join(lines).replace("a11: &a11", "student_channels:").replace("a0: &a0", "a0: &a0", 1)
    config_file.write_text(nested)
    with pytest.raises(ValueError, match="unknown key 'a0'"):
        load_config()
    inner = "[x, x]"
    for i in range(40):
        inner = f"[&b{i} {inner}, *b{i}]"
    config_file.write_text(f"student_channels: {inner}")
    with pytest.raises(ValueError, match="student_channels must be") as error:
        load_config()
    assert len(str(error.value)) < 10_000


def test_saving_is_in_one_step(config_file, monkeypatch):
    MuDuoConfig().save(config_file)
    before = config_file.read_bytes()
    monkeypatch.setattr("pathlib.Path.write_text", lambda self, *args, **kwargs: self.write_bytes(b"tor") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        MuDuoConfig(n_points=7).save(config_file)
    assert config_file.read_bytes() == before
    assert list(config_file.parent.iterdir()) == [config_file]


CONFIG_CLASSES = {getattr(trainers, name).config_class for name in trainers.__all__}


@pytest.mark.parametrize("config_class", sorted(CONFIG_CLASSES, key=lambda one: one.__name__))
def test_a_method_that_restates_a_number_keeps_its_bounds(config_class):
    for each in dataclasses.fields(config_class):
        if isinstance(each.default, float):
            for wrong in (-1.0, float("nan"), float("inf")):
                with pytest.raises(ValueError, match=each.name):
                    config_class(**{each.name: wrong})
    for name in {"ema_decay", "teacher_dropout"} & {each.name for each in dataclasses.fields(config_class)}:
        with pytest.raises(ValueError, match=rf"{name} must lie in \[0, 1\), got 1"):
            config_class(**{name: 1})
