from nnunetv2_muduo.storage import remove_leftovers


def test_leftovers_of_killed_processes_are_removed_when_they_are_old(tmp_path):
    import os
    import time

    for name in (".old.json.host-1.part", ".new.json.host-2.part", "case.json"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".old.json.host-1.part", (time.time() - 7200,) * 2)
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".new.json.host-2.part", "case.json"}
