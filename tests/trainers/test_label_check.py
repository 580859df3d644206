import json

from support import DATASET

from nnunetv2_muduo.cli import main


def test_labels_that_dataset_json_lacks_are_named(prepared_dataset, capsys):
    path = prepared_dataset / "pre" / DATASET / "dataset.json"
    content = json.loads(path.read_text())
    content["labels"] = {"background": 0, "liver": 1}
    path.write_text(json.dumps(content))
    assert main(["prepare", "-d", "1", "-device", "cpu"]) == 1
    error = capsys.readouterr().err
    assert "labeled_0.nii.gz: [2]" in error
    assert "not in dataset.json" in error
