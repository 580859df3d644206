"""Files that users write: their content, or an error that names the file and the place in it."""

import json

import pytest

from nnunetv2_muduo.user_files import (
    DATASET_FIELDS,
    expecting_fields,
    read_dataset_json,
    read_description,
    read_plans,
    read_splits,
    read_user_json,
    read_user_text,
    read_user_yaml,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "dataset.json"


def test_what_is_right_is_read(file):
    content = {"channel_names": {"0": "CT"}, "labels": {"Milz ä": 1}, "file_ending": ".nii.gz", "more": None}
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    assert read_dataset_json(file, *DATASET_FIELDS) == read_user_json(file) == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"labels": {"a": 1,}}', r"no valid JSON: .* \(line 1, column \d+\)"),
        (b'{\n"labels": nothing}', r"no valid JSON: Expecting value \(line 2, column 11\)"),
        (b'{"labels": {},\n"labels": {}}', "'labels' stands twice, in line 1 and in line 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xef\xbb\xbf{}", "no valid JSON: Unexpected UTF-8 BOM"),
        (b"\xff\xfe{\x00", "no text in UTF-8"),
        (b"[1]", r"must be an object \{\.\.\.\}, found a list"),
        (b'"x"', "found a text"),
        (b"3", "found a whole number"),
        (b"3.5", "found a number"),
        (b"true", "found true or false"),
        (b"null", "found null"),
        (b"{}", "has no 'labels', which must be an object"),
        (b'{"labels": ["a"]}', "'labels' in .* must be an object .*, found a list"),
        (b'{"labels": null}', "'labels' in .*, found null"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(file, content, words):
    file.write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        read_dataset_json(file, "labels")
    assert str(file) in str(error.value)


def test_what_is_not_there(tmp_path):
    for read in (read_user_json, read_splits, read_user_yaml, read_user_text):
        with pytest.raises(FileNotFoundError, match="nowhere is missing"):
            read(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match="is a folder, not a file"):
            read(tmp_path)


def test_splits(file):
    splits = [{"train": ["a", "b"], "val": ["c"]}, {"train": [], "val": ["a"]}]
    file.write_text(json.dumps(splits))
    assert read_splits(file) == splits
    for wrong in (
        [["a"]],
        [splits[0], {"train": ["a"]}],
        [{"train": "a", "val": []}],
        [{"train": [1], "val": []}],
        [3],
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=rf"fold {len(wrong) - 1} must be"):
            read_splits(file)


def test_yaml(file):
    for text, content in (("", {}), ("a: 1\n", {"a": 1})):
        file.write_text(text)
        assert read_user_yaml(file) == content
    for text, words in (
        ("a: [1", "no valid YAML"),
        ("- 1", "found a list"),
        ("x", "found a text"),
        ("0", "whole number"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=words):
            read_user_yaml(file)


def test_a_date_is_no_mapping(file):
    """YAML knows kinds that JSON does not."""
    file.write_text("2020-01-01")
    with pytest.raises(ValueError, match="found date"):
        read_user_yaml(file)


def test_another_shape_is_named_where_values_are_picked(file):
    nothing = None
    for pick in (lambda: {}["set"], lambda: [][0], lambda: nothing["a"], lambda: (3).items()):
        with pytest.raises(ValueError, match=r"dataset\.json has another shape"), expecting_fields(file):
            pick()
    with pytest.raises(ZeroDivisionError), expecting_fields(file):
        1 / 0  # noqa: B018


GOOD = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"labels": {"background": 0, "whole": [1, 2], "core": 2}, "regions_class_order": [1, 2]},
        {"labels": {"background": 0, "liver": 1, "ignore": 2}},
        {"channel_names": {"0": "MRI"}},
        {"channel_names": {"1": "PET", "0": "CT"}},
        {"file_ending": ".mha"},
    ],
    ids=str,
)
def test_descriptions_as_nnunet_has_them(file, changes):
    file.write_text(json.dumps(GOOD | changes))
    assert read_description(file) == GOOD | changes


def test_channels_under_the_name_of_nnunets_first_version(file):
    content = {"modality": GOOD["channel_names"], "labels": GOOD["labels"], "file_ending": ".nii.gz"}
    file.write_text(json.dumps(content))
    assert read_description(file) == content
    for wrong in ([], {}, {"0": 1}, {"1": "CT"}):
        file.write_text(json.dumps(content | {"modality": wrong}))
        with pytest.raises(ValueError, match=r"'modality' in .*dataset\.json must be like"):
            read_description(file)


def test_plans(file):
    plans = {"configurations": {"2d": {"patch_size": [8, 8]}, "3d": {"inherits_from": "2d"}}}
    file.write_text(json.dumps(plans))
    assert read_plans(file) == plans
    for wrong in ([], 3, "x", None):
        file.write_text(json.dumps({"configurations": {"3d": wrong}}))
        with pytest.raises(ValueError, match=r"configuration '3d' in .*dataset\.json must be an object"):
            read_plans(file)


def test_a_split_without_folds(file):
    file.write_text("[]")
    with pytest.raises(ValueError, match=r"dataset\.json holds no fold. Remove the file"):
        read_splits(file)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "dataset.json"
    path.write_text('{"labels": {"background": 0, "liver": 1,\n"liver": 2}, "file_ending": ".nii.gz"}')
    with pytest.raises(ValueError, match=r"dataset.json: 'liver' stands twice, in line 1 and in line 2"):
        read_dataset_json(path, "labels")
