"""`muduo teacher fetch`: where the files lie, how another machine gets them, and what happens where the Hub is out of reach."""

import http.server
import threading
import time

import huggingface_hub
import pytest
from fixtures.hub import PUBLIC, put_in_cache
from huggingface_hub import constants

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.teachers.registry import TEACHERS

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def hub(hub_cache, monkeypatch):
    """A Hub that answers, and downloads into the cache. Returns the revisions that it was asked for by file."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    asked = {}

    def download(repo_id, filename, *, revision):
        assert not constants.HF_HUB_OFFLINE
        asked[filename] = revision
        return str(put_in_cache(hub_cache, next(s for s in TEACHERS.values() if s.repo_id == repo_id)))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    yield asked
    server.shutdown()


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers every request with nothing."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        """Nothing."""


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], PUBLIC),
        (["all"], PUBLIC),
        (["ct"], ["sam_med3d"]),
        (["pet"], ["seganypet"]),
        (["sam_med3d", "ct"], ["sam_med3d"]),
        (["pet", "ct"], PUBLIC),
    ],
    ids=str,
)
def test_what_is_fetched_is_told_about(hub, hub_cache, capsys, words, names):
    assert main(["teacher", "fetch", *words]) == 0
    printed = capsys.readouterr().out
    assert hub == {TEACHERS[name].file_name: TEACHERS[name].revision for name in names}
    for name in names:
        spec = TEACHERS[name]
        (path,) = hub_cache.glob(f"*/snapshots/*/{spec.file_name}")
        for told in (str(path), path.parent.name, file_digest(path), spec.license):
            assert told in printed
        assert f"{spec.modality}_teacher: /path/to/{spec.file_name}" in printed
        assert f"scp {path}" in printed


def test_a_second_time_nothing_is_downloaded(hub, capsys):
    assert main(["teacher", "fetch"]) == 0
    hub.clear()
    assert main(["teacher", "fetch"]) == 0
    assert not hub


def test_what_is_no_public_teacher(capsys):
    with pytest.raises(SystemExit):
        main(["teacher", "fetch", "small"])
    assert "'small' is no public teacher" in capsys.readouterr().err


@pytest.mark.parametrize("offline", [True, False])
def test_a_hub_out_of_reach_is_said_at_once(hub_cache, monkeypatch, capsys, offline):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    start = time.monotonic()
    assert main(["teacher", "fetch"]) == 1
    assert time.monotonic() - start < 15  # the Hub's client alone asks for 23 s a file where the port is closed
    told = capsys.readouterr().err
    for name in PUBLIC:
        assert f"the weights of teacher '{name}' are not on this machine" in told
        assert f"muduo teacher fetch {TEACHERS[name].modality}" in told
    assert constants.HF_HUB_OFFLINE is offline


def test_one_that_fails_leaves_the_other(hub_cache, monkeypatch, capsys):
    put_in_cache(hub_cache, TEACHERS["seganypet"])
    assert main(["teacher", "fetch"]) == 1
    printed = capsys.readouterr()
    assert "seganypet, the public PET teacher" in printed.out
    assert "teacher 'sam_med3d' are not on this machine" in printed.err
