"""YAML 1.2 against its specification's table of the core schema, and keys that stand twice."""

import pytest

from nnunetv2_muduo.yaml_files import parse_json, parse_yaml, to_yaml

VALUES = {  # YAML 1.2.2, 10.3.2; what version 1.1 makes of some is another value
    "1e-1": 0.1,
    "1e3": 1000.0,
    "1.5E+2": 150.0,
    ".5": 0.5,
    "1.": 1.0,
    "+12.3": 12.3,
    "-0": 0,
    "010": 10,
    "-010": -10,
    "08": 8,
    "0o10": 8,
    "0x1F": 31,
    "0b11": "0b11",
    "1_000": "1_000",
    "12:30:00": "12:30:00",
    "yes": "yes",
    "No": "No",
    "on": "on",
    "y": "y",
    "true": True,
    "False": False,
    "~": None,
    "null": None,
    "": None,
    "'010'": "010",
    '"1e-1"': "1e-1",
    "1e": "1e",
    "1e-1x": "1e-1x",
    "=": "=",
    ".inf": float("inf"),
    "-.Inf": float("-inf"),
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_values_are_those_of_the_core_schema(text, value):
    (found,) = parse_yaml(f"a: {text}").values()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "1e-1",
        "1e3",
        "010",
        "0o17",
        "0x1F",
        "yes",
        "true",
        "null",
        "~",
        "",
        "1.5",
        ".5",
        "-1",
        "2020-01-01",
        "ä",
        "a: b",
    ],
)
def test_texts_that_look_like_something_else_stay_texts(text):
    assert parse_yaml(to_yaml({"a": text, "b": [text]})) == {"a": text, "b": [text]}


@pytest.mark.parametrize("number", [1e-5, 1e16, 1e22, 0.3, 3, -7, 10**20])
def test_numbers_stay_numbers(number):
    assert parse_yaml(to_yaml({"a": number})) == {"a": number}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "'a' stands twice, in line 1 and in line 3"),
        ("a: 1\n\n# again\na: 1", "'a' stands twice, in line 1 and in line 4"),
        ("{a: 1, a: 2}", "'a' stands twice, in line 1 and in line 1"),
        ("a:\n  b: 1\n  'b': 2", "'b' stands twice, in line 2 and in line 3"),
        ("? [1, 2]\n: 3", "a key is no single value, in line 1"),
        ("a: [1", "line 1"),
        ("a\t: 1", "line 1"),
        ("a: " + "[" * 10_000, "nested too deeply"),
        ("a: 1" + "0" * 5000, "4300 digits"),
        ("a: !!python/object/apply:os.system ['true']", "python/object"),
        ("a: !!bool x", "does not fit its tag"),
        ("a: !!timestamp x", "does not fit its tag"),
        ("a: 1\n--- \nb: 2", "another document"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(text)


def test_merging_is_no_more():
    assert parse_yaml("<<: {a: 1}") == {"<<": {"a": 1}}


def test_json():
    assert parse_json('{\t"a": 1e-1,\r\n"b": [{"a": 2}, {"a": 3}]}') == {"a": 0.1, "b": [{"a": 2}, {"a": 3}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": 2,\n "a": 3}', "'a' stands twice, in line 1 and in line 3"),
        ('{"b": {"ä": 1,\n "ä" : 1}}', "'ä' stands twice, in line 1 and in line 2"),
        ('{"a": 010}', "line 1 column 8"),
        ("[" * 100_000, "nested too deeply"),
        ("a: 1", "line 1 column 1"),
    ],
)
def test_what_is_no_json(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)
