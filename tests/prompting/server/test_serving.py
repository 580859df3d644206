"""The server as a command starts and ends it."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

import pytest

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.prompting.server import serve

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[3])}


def start(study, tmp_path, *more):
    """The command, and the address that it prints."""
    command = [
        sys.executable,
        "-m",
        "nnunetv2_muduo.cli",
        "segment",
        study / "SUV.nii.gz",
        "--teacher",
        "threshold:2.5",
    ]
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [*command, "--serve", "--port", "0", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # shells let background jobs ignore it
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://\S+", line):
            return process, found[0], "".join(said)
    raise AssertionError("".join(said))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped_and_leaves_nothing(study, tmp_path, number):
    process, url, said = start(study, tmp_path)
    try:
        with urlopen(url, timeout=20) as answer:
            assert b"<title>" in answer.read()
        assert url.startswith("http://127.0.0.1:")
        assert "Warning" not in said
        assert len(list(tmp_path.glob("muduo_*"))) == 1
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "ended" in rest
    assert "Traceback" not in rest
    assert list(tmp_path.glob("muduo_*")) == []  # torch may leave a folder of its own


@pytest.mark.slow
def test_another_host_is_warned_of(study, tmp_path):
    process, _, said = start(study, tmp_path, "--host", "0.0.0.0")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert "Warning" in said
    assert "nothing is encrypted" in said


def test_a_port_that_is_taken_is_a_sentence(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["segment", "--serve", "--teacher", "threshold:4", "--port", str(port)]) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "a" * 300, "::::"])
def test_a_host_that_is_not_here_is_a_sentence(host):
    with pytest.raises(OSError, match="no place to listen at"):
        serve(teacher="threshold:4", host=host, port=0)
    assert not list(Path(tempfile.gettempdir()).glob(f"muduo_segment_*{os.getpid()}"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.nii.gz"], "missing.nii.gz"),
        (["--ct", "ct.nii.gz"], "name the image too"),
        (["--teacher", "no_such_teacher"], "no_such_teacher"),
    ],
)
def test_mistakes_end_before_it_listens(arguments, said, capsys):
    assert (
        main(
            [
                "segment",
                "--serve",
                "--port",
                "0",
                *(["--teacher", "threshold:4"] if "--teacher" not in arguments else []),
                *arguments,
            ]
        )
        == 1
    )
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x", "", "１"])
def test_ports_are_numbers(port, capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--serve", "--port", port])
    assert "--port" in capsys.readouterr().err
