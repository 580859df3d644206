import signal
import subprocess
import sys
import threading
import time

import pytest

from nnunetv2_muduo.claims import CaseClaims, claimed, in_any_order

HOLDER = """
import sys, time
from pathlib import Path
from nnunetv2_muduo.claims import claimed
with claimed(Path(sys.argv[1]), "holds"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_waits_says_so_and_a_killed_process_holds_nothing(tmp_path):
    lock_file, said = tmp_path / "a.lock", []
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock_file)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"

        def kill():
            while not said:
                time.sleep(0.01)
            holder.send_signal(signal.SIGKILL)

        threading.Thread(target=kill).start()
        with claimed(lock_file, "trains", said.append):
            assert said == [f"Waiting for another process that trains ({lock_file})."]


@pytest.mark.parametrize("before", [None, "{}"])
def test_a_record_that_another_process_writes_meanwhile_is_seen(tmp_path, before):
    record = tmp_path / "a.json"
    if before is not None:
        record.write_text(before)
    claims = CaseClaims.begin(tmp_path, ["a"])
    with claims.claim("a", "makes") as is_as_before:
        assert is_as_before
        assert (tmp_path / ".a.lock").is_file()
        time.sleep(0.02)
        record.write_text("{ }")
    with claims.claim("a", "makes") as is_as_before:
        assert not is_as_before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_case_that_fails_is_free_again(tmp_path):
    claims = CaseClaims.begin(tmp_path, ["a"])
    with pytest.raises(ValueError, match="no"), claims.claim("a", "makes"):
        raise ValueError("no")
    with claims.claim(
        "a",
        "makes",
    ) as is_as_before:
        assert is_as_before


def test_any_order_has_every_case_once():
    cases = [str(i) for i in range(50)]
    assert sorted(in_any_order(cases)) == sorted(cases)
    assert len({tuple(in_any_order(cases)) for _ in range(5)}) == 5
