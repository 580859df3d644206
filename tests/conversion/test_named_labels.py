"""Labels that have names: their values in a data set, and which of them a labels.json takes."""

import json

import pytest

from nnunetv2_muduo.conversion.label_names import read_scheme
from nnunetv2_muduo.conversion.named_labels import named_scheme, wanted_labels
from nnunetv2_muduo.conversion.named_masks import choose_masks


def write_names(folder, content):
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


def test_names_are_numbered_in_their_order_and_spelling_makes_no_difference():
    scheme = named_scheme({"liver", "Spleen", "Aorta", "  LIVER ", "aorta"}, None, {})
    assert scheme.labels == {"background": 0, "aorta": 1, "liver": 2, "Spleen": 3}
    found = {"label_names": {"1": "SPLEEN", "5": "Liver"}, "labels": {"1": {"ml": 3}, "5": {"ml": 7}}}
    assert scheme.values_of(found) == {0: 0, 1: 3, 5: 2}
    assert scheme.statistics_of(found) == {"3": {"ml": 3}, "2": {"ml": 7}}
    assert scheme.foreign_names({"label_names": {"1": "liver", "2": "Heart"}}) == ["Heart"]


def test_new_names_follow_those_that_the_data_set_has():
    earlier = {"background": 0, "Liver": 1, "Spleen": 2}
    scheme = named_scheme({"spleen", "Aorta"}, None, earlier)
    assert scheme.labels == {**earlier, "Aorta": 3}
    assert scheme.continues(earlier)
    assert not scheme.continues({"background": 0, "Spleen": 1})


@pytest.mark.parametrize("name", ["Lesion", "Neoplasm, Primary", "TUMOUR 1"])
def test_the_only_label_is_a_tumor_if_its_name_says_so(name):
    scheme = named_scheme({name}, None, {})
    assert scheme.labels == {"background": 0, "tumor": 1}
    assert scheme.values_of({"label_names": {"4": name.lower()}}) == {0: 0, 4: 1}
    assert named_scheme({name, "Liver"}, None, {}).labels.keys() == {"background", name, "Liver"}
    assert not named_scheme({name, "Liver"}, None, scheme.labels).continues(scheme.labels)
    assert named_scheme({"Liver"}, None, {}).labels == {"background": 0, "Liver": 1}


def test_a_labels_json_is_about_names_if_the_maps_have_one_of_them(tmp_path):
    path = write_names(tmp_path, {"background": 0, "gtv": 7, "liver": 3})
    scheme = named_scheme({"GTV", "Body"}, path, {})
    assert scheme.labels == {"background": 0, "liver": 1, "gtv": 2}
    assert scheme.values_of({"label_names": {"1": "gtv"}}) == {0: 0, 1: 2}
    by_number = named_scheme({"Segment_3"}, path, {})
    assert by_number.values_of({"label_names": {"3": "Segment_3"}}) == {0: 0, 3: 1, 7: 2}


def test_several_names_may_mean_one_label(tmp_path):
    path = write_names(tmp_path, {"background": 0, "liver": ["Liver"], "tumor": ["Lesion*", "GTV ?", "met [1]"]})
    assert read_scheme(path).labels == {"background": 0, "liver": 1, "tumor": 2}
    wanted = wanted_labels(tmp_path)
    names = dict(enumerate(["lesion 12", "GTV 1", "GTV 12", " LIVER", "liver left", "met [1]", "Lesion"]))
    assert choose_masks(names, wanted) == {3: "liver", 0: "tumor", 1: "tumor", 5: "tumor", 6: "tumor"}


def test_without_a_labels_json_all_names_are_taken_but_background(tmp_path):
    assert wanted_labels(tmp_path / "source") == ()
    assert choose_masks({1: "Background", 2: "a  b ", 3: "c"}, ()) == {2: "a b", 3: "c"}


@pytest.mark.parametrize(
    "content", [{"tumor": ["a"]}, {"background": 0, "a": []}, {"background": 0, "a": ["b", 1]}, {"background": ["x"]}]
)
def test_bad_names_files_are_refused(tmp_path, content):
    write_names(tmp_path, content)
    with pytest.raises(ValueError, match=r"labels\.json"):
        wanted_labels(tmp_path)
