import dataclasses

import pytest
import yaml

from nnunetv2_muduo.config import CONFIG_VARIABLE, MuDuoConfig, differences, load_config


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
        {"consistency_weight": -1},
        {"consistency_weight": float("nan")},
        {"suppress_between_points": "yes"},
        {"num_epochs": 0},
        {"picture_every_epochs": -1},
        {"teacher_spacing": "1.5"},
    ],
)
def test_values_that_make_no_sense_name_their_field(values, config_file):
    config_file.write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match=next(iter(values))):
        load_config()


def test_differences_are_listed():
    old, new = MuDuoConfig().to_dict(), MuDuoConfig(n_points=1).to_dict()
    assert differences(old, new) == ["n_points: 3 -> 1"]


def test_pictures_make_no_other_training():
    assert differences(MuDuoConfig().to_dict(), MuDuoConfig(picture_every_epochs=3).to_dict()) == []
