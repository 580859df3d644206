"""`muduo phantom`, from nothing and from label maps."""

import json

from nnunetv2_muduo.cli import main


def test_command_line(tmp_path, capsys):
    out = tmp_path / "cohort"
    assert main(["phantom", str(out), "--cases", "2", "--seed", "5", "--spacing", "12", "-np", "1"]) == 0
    assert "2 studies of 2 patients at 12 mm" in capsys.readouterr().out
    assert len(list(out.glob("PETCT_*/*/SEG.nii.gz"))) == 2
    assert main(["phantom", str(out), "--seed", "6", "--spacing", "12"]) == 1
    assert "another seed" in capsys.readouterr().err


def test_command_line_and_conversion(label_folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "cohort"
    command = ["phantom", str(out), "--from-labels", str(label_folder), "--spacing", "12", "-np", "1"]
    assert main([*command, "--cases", "2"]) == 0
    assert "2 studies of 2 patients" in capsys.readouterr().out
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "1 spleen, 2 kidneys, 3 liver" in printed
    assert "3 studies of 2 patients at 12 mm" in printed
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    convert = ["convert", "autopet", str(out), "-d", "711", "--name", "Mapped", "-np", "1"]
    assert main([*convert, "--labeled", "1", "--val", "0", "--test", "1"]) == 0
    dataset = json.loads((tmp_path / "raw" / "Dataset711_Mapped" / "dataset.json").read_text())
    assert dataset["labels"] == json.loads((label_folder / "labels.json").read_text())


def test_command_line_mistakes(label_folder, tmp_path, capsys):
    assert main(["phantom", str(tmp_path / "c"), "--labels", str(label_folder / "labels.json")]) == 1
    assert "--from-labels" in capsys.readouterr().err
    assert main(["phantom", str(tmp_path / "c"), "--from-labels", str(label_folder), "--cases", "0"]) == 1
    assert "--cases must be at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
