import numpy as np
from support import log_of, started_trainer

from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.trainers import organ_presence


def test_an_organ_that_no_prompt_map_shows_is_named(prepared_dataset, monkeypatch):
    trainer = started_trainer()
    places = np.zeros((1, 4), dtype=int)
    monkeypatch.setattr(
        organ_presence, "_mapped_locations", lambda _: [{1: places, 2: places[:0]}, {1: places}, {}, {}]
    )
    organ_presence.log_presence(trainer)
    said = log_of(trainer)
    n = len(trainer.do_split()[0])
    assert (
        f"Of 4 prompt maps, each organ stands in: liver 2 (labels: {n} of {n}), spleen 0 (labels: {n} of {n})." in said
    )
    assert "WARNING: spleen stand(s) in no prompt map" in said


def test_presence_is_read_from_maps_as_they_are_written(prepared_dataset, tmp_path):
    organ_map = np.zeros((1, 6, 6, 6), dtype=np.uint8)
    write_prompt_map(organ_map, tmp_path, "none", [1, 2], [6, 6, 6])
    organ_map[0, 2, 2, 2] = 2
    write_prompt_map(organ_map, tmp_path, "spleen", [1, 2], [6, 6, 6])
    locations = [organ_presence.load_prompt_map(tmp_path, case)[1] for case in ("none", "spleen")]
    assert organ_presence.count_cases(locations, [1, 2]) == {1: 0, 2: 1}
