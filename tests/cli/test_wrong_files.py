"""Every command beside files that were cut off, overwritten or written by hand: the sentence names the file and the field."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from fixtures.cli_commands import CONVERTED, MADE_UP, MISTAKE, MODEL, PRE, RAW, run, words_of

NOT_READABLE = {"cut off": b'{"labels": {"background": 0', "empty": b"", "binary": b"\xff\xfe\x00\x81"}
NO_OBJECT = {"a list": b"[1, 2]", "a number": b"3", "null": b"null"}
NO_LIST = {"an object": b'{"train": [], "val": []}', "a number": b"3", "null": b"null"}
DESCRIPTION = {
    "no labels": b'{"channel_names": {"0": "CT", "1": "PET"}, "file_ending": ".nii.gz"}',
    "labels in a list": b'{"channel_names": {"0": "CT", "1": "PET"}, "labels": ["liver"], "file_ending": ".nii.gz"}',
}
ENDING = {
    "no file_ending": b'{"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "liver": 1}}',
    "file_ending is a number": b'{"channel_names": {"0": "CT"}, "labels": {"background": 0}, "file_ending": 3}',
}
FOLDS = {
    "fold is a list": b'[["a"], ["b"]]',
    "fold without val": b'[{"train": ["a"]}]',
    "cases are a text": b'[{"train": "a", "val": ["b"]}]',
    "cases are numbers": b'[{"train": [1], "val": [2]}]',
}
PLANS = {"no configurations": b"{}", "configurations in a list": b'{"configurations": ["3d_fullres"]}'}
RECORD = {"no cases": b"{}", "cases in a list": b'{"cases": ["a"]}'}
JSON, SPLITS = NOT_READABLE | NO_OBJECT, NOT_READABLE | NO_LIST | FOLDS
NO_TABLE = {
    "empty": b"",
    "binary": b"\xff\xfe\x00\x81",
    "other columns": b"a,b\n1,2\n",
    "text": b"epoch,seconds\nx,y\n",
}
NO_YAML = {"cut off": b"num_epochs: [1", "a list": b"- 1\n", "a text": b"hello", "binary": b"\xff\xfe\x00\x81"}
FIELDS_OF = {"metric_per_case": b'{"metric_per_case": [1]}', "no metrics": b'{"metric_per_case": [{}]}'}
FILES = {  # (command, file that it reads): what may be in the file
    ("convert autopet", f"{CONVERTED}/muduo_cases.json"): JSON | {"no settings": b'{"cases": {}}'},
    ("check", f"{RAW}/dataset.json"): JSON | DESCRIPTION | ENDING,
    ("check", f"{RAW}/muduo_cases.json"): JSON | RECORD,
    ("check", f"{PRE}/dataset.json"): JSON | DESCRIPTION | ENDING,
    ("check", f"{PRE}/splits_final.json"): SPLITS,
    ("check", f"{PRE}/nnUNetPlans.json"): JSON | PLANS,
    ("check", "muduo.yaml"): NO_YAML,
    ("prepare", f"{RAW}/dataset.json"): JSON | DESCRIPTION | ENDING,
    ("prepare", f"{PRE}/dataset.json"): JSON | DESCRIPTION | ENDING,
    ("prepare", f"{PRE}/splits_final.json"): SPLITS,
    ("prepare", f"{PRE}/nnUNetPlans.json"): JSON | PLANS,
    ("prepare", "muduo.yaml"): NO_YAML,
    ("teacher", f"{RAW}/dataset.json"): JSON | DESCRIPTION | ENDING,
    ("teacher", f"{RAW}/muduo_cases.json"): JSON | RECORD,
    ("teacher", "size.json"): {"unknown field": b'{"widht": 3}', "text": b'{"depth": "deep"}', "odd": b'{"depth": 0}'},
    ("postprocess", "pred/dataset.json"): JSON | DESCRIPTION,
    ("evaluate", "pred/dataset.json"): JSON | DESCRIPTION,
    ("figure", "pred/dataset.json"): JSON | DESCRIPTION,
    ("phantom --from-labels", "pred/dataset.json"): JSON | {"no names": DESCRIPTION["no labels"]},
    ("report", f"{MADE_UP}/dataset.json"): JSON | DESCRIPTION,
    ("report", f"{MADE_UP}/plans.json"): JSON | PLANS | {"no patch": b'{"configurations": {"3d_fullres": {}}}'},
    ("report", f"{MADE_UP}/fold_0/muduo_config.yaml"): NO_YAML,
    ("report", f"{MADE_UP}/fold_0/muduo_progress.csv"): NO_TABLE,
    ("report", f"{MADE_UP}/fold_0/validation/summary.json"): {"a list": b"[1]", "no fields": b'{"a": 1}'} | FIELDS_OF,
    ("report", "raw/Dataset007_MadeUp/muduo_cases.json"): JSON | RECORD | {"no set": b'{"cases": {"a": {}}}'},
    ("report", "pre/Dataset007_MadeUp/splits_final.json"): SPLITS,
    ("export", f"{MODEL}/dataset.json"): JSON | DESCRIPTION,
    ("export", f"{MODEL}/plans.json"): JSON | PLANS,
    ("export", f"{MODEL}/fold_0/checkpoint_final.pth"): NOT_READABLE,
}
NAMED = {
    "no labels": "labels",
    "no file_ending": "file_ending",
    "no configurations": "configurations",
    "no cases": "cases",
}
ROWS = [(*key, what, content) for key, contents in FILES.items() for what, content in contents.items()]


@contextmanager
def holding(path: Path, content: bytes):
    """A file with another content, or one that isn't there otherwise."""
    before = path.read_bytes() if path.is_file() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink()
        if before is not None:
            path.write_bytes(before)


@pytest.mark.parametrize(
    ("command", "file", "what", "content"), ROWS, ids=lambda part: str(part).replace("/", "|")[:60]
)
def test_a_wrong_file_is_named(project, capsys, command, file, what, content):
    with holding(project / file, content):
        code, printed = run(words_of(command, project), capsys)
    assert code == MISTAKE, printed
    assert Path(file).name in printed
    assert file.split("/")[0] in printed
    assert NAMED.get(what, "") in printed


def test_a_cohort_with_a_wrong_recipe_is_named(project, capsys):
    for content in JSON.values():
        with holding(project / "cohort" / "phantom.json", content):
            code, printed = run(["phantom", str(project / "cohort"), "--spacing", "12"], capsys)
        assert code == MISTAKE
        assert "phantom.json" in printed
