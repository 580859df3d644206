"""A phantom's PET and CT, and a server of them as a program asks it: through a real connection."""

import json
import socket
import threading
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.prompting import middle_voxel

from nnunetv2_muduo import write_cohort
from nnunetv2_muduo.prompting.server.serving import listening, open_files
from nnunetv2_muduo.prompting.server.workplace import Workplace

LIVER = 1


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Folder of a phantom's SUV.nii.gz, CTres.nii.gz and SEG.nii.gz."""
    return write_cohort(tmp_path_factory.mktemp("served"), n_cases=1, seed=0, spacing_mm=8, n_processes=1)[0]


@pytest.fixture(scope="session")
def truth(study):
    return sitk.ReadImage(str(study / "SEG.nii.gz"))


@pytest.fixture(scope="session")
def liver_mm(truth):
    """A place in the middle of the liver, [3]."""
    middle = middle_voxel(sitk.GetArrayFromImage(truth) == LIVER)
    return np.array(truth.TransformIndexToPhysicalPoint(middle[::-1].tolist()))


class Client:
    """Asks a server as a program does."""

    def __init__(self, server):
        self.server = server
        self.base, _, self.token = server.url.partition("/?token=")

    def ask(self, path, data=None, method=None, **headers):
        """Status, headers and content, JSON parsed."""
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        request = Request(self.base + path, data, {k: v for k, v in sent.items() if v is not None}, method=method)
        try:
            answer = urlopen(request, timeout=60)
        except HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json" and not answer.headers["Content-Disposition"]
        return answer.status, answer.headers, json.loads(content) if is_json else content

    def post(self, path, content=None, **headers):
        """Content of an answer that must be one."""
        status, _, answer = self.try_post(path, content, **headers)
        assert status == 200, answer
        return answer

    def try_post(self, path, content=None, **headers):
        return self.ask(path, json.dumps(content or {}).encode(), **{"Content_Type": "application/json"} | headers)

    def upload(self, path, data, **headers):
        return self.ask(path, data, **{"Content_Type": "application/octet-stream"} | headers)

    def raw(self, request):
        """Everything that is answered to bytes on the wire, of which a server that refuses them may not read the last."""
        pieces = []
        with (
            socket.create_connection(self.server.server_address[:2], timeout=20) as connection,
            suppress(ConnectionError),
        ):
            connection.sendall(request)
            with suppress(OSError):  # closed by the server: "not connected" is no ConnectionError
                connection.shutdown(socket.SHUT_WR)
            pieces.extend(iter(lambda: connection.recv(65536), b""))
        return b"".join(pieces)

    def try_open(self, *images):
        return self.try_post("/api/open", {"images": list(images)})

    @property
    def folder(self):
        return self.server.routes._folder


@pytest.fixture
def serving():
    """Start a server of a workplace, with images or without, on a free port; returns its client."""
    contexts = []

    def start(workplace, *images):
        if images:
            open_files(workplace, *images)
        context = listening(workplace)
        server = context.__enter__()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        contexts.append((context, server, thread))
        return Client(server)

    yield start
    for context, server, thread in contexts:
        server.shutdown()
        thread.join()
        context.__exit__(None, None, None)


@pytest.fixture
def client(serving, study):
    """A client of a server with PET and CT open, whose teacher is a threshold: no network, every answer known."""
    return serving(Workplace("threshold:2.5"), study / "SUV.nii.gz", study / "CTres.nii.gz")


@pytest.fixture
def empty_client(serving):
    """A client of a server on which nothing is open."""
    return serving(Workplace("threshold:2.5"))
