import json

import pytest

from nnunetv2_muduo.conversion.label_names import (
    AUTOPET3_ORGANS,
    AUTOPET_ORGAN_11,
    AUTOPET_ORGAN_12,
    AUTOPET_ORGANS,
    find_names_file,
    guess_scheme,
    read_scheme,
)

PETCT_STEMS = ["PETCT_0a_one_", "PETCT_0b_two_"]


def test_autopet_organ_as_measured_merges_the_two_middle_lobes():
    scheme = guess_scheme(PETCT_STEMS, [set(range(12)), {*range(11), 12}])
    assert scheme is AUTOPET_ORGAN_11
    assert list(scheme.labels.values()) == list(range(12))
    assert "prostate" not in scheme.labels
    assert scheme.value_map[11] == scheme.value_map[12] == scheme.labels["lung_middle_lobe_right"] == 11
    assert scheme.name_of(7) == "lung_lower_lobe_left"


def test_autopet_organ_as_documented_if_one_map_holds_both_values():
    scheme = guess_scheme(PETCT_STEMS, [set(range(13)), set(range(12))])
    assert scheme is AUTOPET_ORGAN_12
    assert tuple(scheme.labels) == ("background", *AUTOPET_ORGANS)
    assert scheme.name_of(7) == "prostate"
    assert scheme.name_of(11) == "lung_upper_lobe_right"


def test_masks_of_zero_and_one_are_tumor():
    scheme = guess_scheme([], [{0, 1}, {0}, {0, 1, 7}])
    assert scheme.labels == {"background": 0, "tumor": 1}
    assert scheme.foreign_values({0, 1, 7}) == [7]


def test_autopet3_organ_maps_are_known_by_name_and_values():
    scheme = guess_scheme(["fdg_0a_x", "psma_0b_y"], [{0, 3, 10}, {0, 1, 5}])
    assert tuple(scheme.labels) == ("background", *AUTOPET3_ORGANS)
    with pytest.raises(ValueError, match=r"labels\.json"):
        guess_scheme(["fdg_0a_x"], [{0, 3, 11}])


def test_unknown_values_ask_for_names():
    with pytest.raises(ValueError, match=r"\[0, 1, 2, 5\].*labels\.json"):
        guess_scheme([], [{0, 1, 2}, {0, 5}])


def test_names_file_closes_gaps(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"background": 0, "spleen": 9, "liver": 4}))
    scheme = read_scheme(path)
    assert scheme.labels == {"background": 0, "liver": 1, "spleen": 2}
    assert scheme.value_map == {0: 0, 4: 1, 9: 2}
    assert scheme.foreign_values({0, 4, 5}) == [5]


@pytest.mark.parametrize(
    "names",
    [{"liver": 1}, {"background": 0, "whole": [1, 2]}, {"background": 0, "a": 1, "b": 1}, {"background": 1, "a": 0}],
)
def test_bad_names_files_are_refused(tmp_path, names):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(names))
    with pytest.raises(ValueError, match=r"labels\.json"):
        read_scheme(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["liver"]', "must be an object"),
        ("null", "must be an object"),
        ("{}", 'names no "background" with the value 0'),
        ('{"liver": 1, "spleen": 2}', 'names no "background" with the value 0'),
        ('{"background": 5, "liver": 1}', 'names no "background" with the value 0'),
        ('{"background": 0, "liver": "1"}', 'gives the label "liver" the value "1"'),
        ('{"0": "background", "1": "liver"}', 'gives the label "0" the value "background"'),
        ('{"background": 0, "liver": 1.0}', "the value 1.0"),
        ('{"background": 0, "liver": true}', "the value true"),
        ('{"background": 0, "liver": -1}', "the value -1"),
        ('{"background": 0, "liver": null}', "the value null"),
        ('{"background": 0, "liver": []}', "the value []"),
        ('{"background": 0, " ": 1}', 'the label " "'),
        ('{"background": 0, "liver": 1, "spleen": 1}', "two names the same value: liver, spleen"),
        ('{"labels": [1]}', "has labels that are no names with values: [1]"),
        ('{"background": 0, "liver": 1,}', "is no valid JSON"),
    ],
)
def test_what_is_wrong_with_a_names_file_is_said_before_scans_are_read(tmp_path, monkeypatch, capsys, text, words):
    from nnunetv2_muduo.cli import main
    from nnunetv2_muduo.conversion import case_check

    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    monkeypatch.setattr(case_check, "check_case", None)
    for name in ("CTres", "SUV", "SEG"):
        path = tmp_path / "src" / "fdg_0a" / "01-01-2003-x" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "src" / "labels.json").write_text(text)
    assert main(["convert", "autopet", str(tmp_path / "src"), "-d", "7", "-np", "1"]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path / 'src' / 'labels.json'} " in error
    assert words in error
    assert not (tmp_path / "raw").exists()


def test_names_file_in_the_folder_or_beside_it(tmp_path):
    folder = tmp_path / "dataset" / "maps"
    folder.mkdir(parents=True)
    (folder.parent / "dataset.json").write_text("{}")
    assert find_names_file(folder) is None
    assert find_names_file(folder.parent / "labelsTr") == folder.parent / "dataset.json"
    (folder.parent / "labels.json").write_text("{}")
    assert find_names_file(folder) == folder.parent / "labels.json"
    (folder / "labels.json").write_text("{}")
    assert find_names_file(folder) == folder / "labels.json"
