from nnunetv2_muduo.cli import main


def test_a_folder_that_is_none_is_refused(made_up_training, capsys):
    assert main(["report", str(made_up_training.model)]) == 1
    assert "no folder of a training" in capsys.readouterr().err
    assert main(["report", str(made_up_training.fold), "-o", str(made_up_training.root / "none" / "r.html")]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_the_training_is_named_as_in_other_commands(made_up_training, capsys):
    page = made_up_training.fold / "muduo_report.html"
    for words in (["-d", "7", "-tr", "nnUNetTrainerMuDuo", "-f", "0"], ["-d", "7"], [str(made_up_training.fold)]):
        page.unlink(missing_ok=True)
        assert main(["report", *words]) == 0
        assert page.is_file()
    for words in ([], [str(made_up_training.fold), "-d", "7"]):
        assert main(["report", *words]) == 1
        assert "-d DATASET -tr TRAINER -f FOLD" in capsys.readouterr().err
    assert main(["report", "-d", "7", "-f", "3"]) == 1
    assert "fold_3" in capsys.readouterr().err
