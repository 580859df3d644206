import shutil

from support import missing, write_config


def test_another_schedule_needs_another_generator(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, num_iterations_per_epoch=3)
    reason = "it was trained with another number of epochs or iterations, optimizer or augmentation"
    assert missing() == [f"prompt generator to train: {reason}"]
    for other in ({"optimizer": "adamw"}, {"augmentation": "none"}):
        write_config(monkeypatch, tmp_path, **other)
        assert missing() == [f"prompt generator to train: {reason}"]


def test_prepared_cases_are_enough_without_the_raw_data(prepared_dataset):
    shutil.rmtree(prepared_dataset / "raw")
    assert missing() == []
