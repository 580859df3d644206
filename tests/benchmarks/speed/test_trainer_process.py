from support import started_epoch, write_config

from benchmarks.speed.trainer_process import TimedMuDuo


def test_a_step_tells_the_seconds_of_its_parts(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path)
    trainer = started_epoch()
    trainer.__class__ = TimedMuDuo  # which is MuDuo's with a clock
    trainer.current_epoch = 1
    trainer.train_step(next(trainer.dataloader_train))
    assert trainer.parts_s.keys() == {"average_s", "stage_s"}
    assert min(trainer.parts_s.values()) > 0
