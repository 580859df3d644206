from nnunetv2_muduo.cli import main


def test_a_folder_that_is_none_is_refused(made_up_training, capsys):
    assert main(["report", str(made_up_training.model)]) == 1
    assert "no folder of a training" in capsys.readouterr().err
    assert main(["report", str(made_up_training.fold), "-o", str(made_up_training.root / "none" / "r.html")]) == 1
    assert "There is no folder" in capsys.readouterr().err
