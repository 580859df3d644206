"""Hostile and mistaken requests, through a real connection: each ends with its status and a sentence, and the server goes on."""

import json

import pytest

JSON = {"Content_Type": "application/json"}


def is_alive(client) -> bool:
    return client.ask("/api/state")[0] == 200


@pytest.mark.parametrize("path", ["/", "/style.css", "/main.js", "/api/state", "/api/volume?of=pet", "/api/session"])
def test_nothing_is_answered_without_the_token(client, path):
    status, headers, answer = client.ask(path, Authorization=None)
    assert (status, list(answer)) == (401, ["error"])
    assert "token" in answer["error"]
    assert headers["WWW-Authenticate"] == "Bearer"


def test_the_address_that_is_printed_gives_the_page_and_a_cookie_that_is_enough(client):
    status, headers, page = client.ask(f"/?token={client.token}", Authorization=None)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>" in page
    assert client.token.encode() not in page
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert client.ask("/main.js", Authorization=None, Cookie=cookie)[0] == 200
    assert client.ask(f"/api/state?token={client.token}", Authorization=None)[0] == 401  # addresses stay in histories


def test_every_answer_forbids_what_the_page_doesnt_need(client):
    for path in ("/", "/main.js", "/api/state", "/nothing"):
        _, headers, _ = client.ask(path)
        policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/../handler.py",
        "/%2e%2e/handler.py",
        "/page/../../serving.py",
        "//etc/passwd",
        "/etc/passwd",
        "/index.html/..",
        "/.",
        "/api/",
        "/\\..\\x",
    ],
)
def test_only_known_names_are_answered(client, path):
    status, _, answer = client.ask(path)
    assert (status, list(answer)) == (404, ["error"])


def test_the_name_of_an_upload_is_no_path(empty_client, study):
    data = (study / "SUV.nii.gz").read_bytes()
    before = {p.name for p in empty_client.folder.parent.iterdir()}
    assert empty_client.upload("/api/upload?of=pet&name=..%2F..%2Fevil%00%22%0d%0aX.nii.gz", data)[0] == 200
    assert [p.name for p in empty_client.folder.iterdir()] == ["pet.nii.gz"]
    state = empty_client.post("/api/open", {"images": ["pet"]})
    assert state["image"]["name"] == "evil_X"
    assert {p.name for p in empty_client.folder.parent.iterdir()} == before
    assert list(empty_client.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "line 1"),
        (b"", "JSON"),
        (b"\xff", "UTF-8"),
        (b"[]", "object"),
        (b"[" * 100_000, "nested"),
        (b'{"positive": true, "positive": false}', "twice"),
        (b'{"places_mm": [1, 2, 3], "positive": 1, "object": 1}', "'positive'"),
        (b'{"places_mm": [1, 2, 3], "positive": true, "object": true}', "'object'"),
        (b'{"places_mm": [1, 2, 3], "positive": true, "object": 1.0}', "'object'"),
        (b'{"places_mm": "1", "positive": true, "object": 1}', "'places_mm'"),
        (b'{"places_mm": [1, 2, 3], "positive": true}', "'object'"),
    ],
)
def test_malformed_requests_are_said_to_be(client, body, said):
    status, _, answer = client.ask("/api/point", body, "POST", **JSON)
    assert status == 400
    assert said in answer["error"]
    assert is_alive(client)


@pytest.mark.parametrize("path", ["/api/point", "/api/scribble"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"places_mm": [float("nan"), 0, 0]}, "finite"),
        ({"places_mm": [9e5, 0, 0]}, "outside"),
        ({"places_mm": [1e308, 0, 0]}, "place"),
        ({"places_mm": [10**400, 0, 0]}, "finite"),
        ({"places_mm": [[1, 2], [3]]}, "finite"),
        ({"places_mm": ["x", None, {}]}, "finite"),
        ({"places_mm": []}, "finite"),
        ({"object": 0}, "1 to 255"),
        ({"object": 10**30}, "1 to 255"),
    ],
)
def test_prompts_that_cant_be_are_refused_and_change_nothing(client, liver_mm, path, fields, said):
    content = {"places_mm": liver_mm.tolist(), "positive": True, "object": 1} | fields
    status, _, answer = client.try_post(path, content)
    assert status == 422
    assert said in answer["error"]
    assert client.ask("/api/state")[2]["answer"]["prompts"] == []


@pytest.mark.parametrize("length", [str(2**20 + 1), str(2**62), "9" * 40])
def test_a_body_that_is_too_large_is_refused_by_what_it_says(client, length):
    head = f"POST /api/point HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    assert client.raw(head.encode()).startswith(b"HTTP/1.1 413 ")
    head = head.replace("/api/point", "/api/upload?of=pet").replace("json", "octet-stream")
    if int(length) > 2**30:
        assert client.raw(head.encode()).startswith(b"HTTP/1.1 413 ")
    assert is_alive(client)


def test_a_sender_of_too_much_reads_why(client):
    status, _, answer = client.ask("/api/point", b" " * (3 * 2**20), **JSON)
    assert status == 413
    assert "3145728 bytes" in answer["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Type: application/json\r\n", 411),
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", 411),
        ("Content-Type: application/json\r\nContent-Length: -1\r\n", 400),
        ("Content-Type: application/json\r\nContent-Length: 1e3\r\n", 400),
        ("Content-Type: text/plain\r\nContent-Length: 2\r\n", 415),  # what a form of another page may send unasked
        ("Content-Length: 2\r\n", 415),
    ],
)
def test_bodies_need_a_length_and_their_type(client, headers, status):
    head = f"POST /api/undo HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n{headers}\r\n{{}}"
    answer = client.raw(head.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert "error" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_refused_body_is_not_read_as_the_next_request(client):
    named = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n"
    inner = f"GET /api/state {named}\r\n"
    outer = f"POST /nothing {named}Content-Length: {len(inner)}\r\n\r\n"
    assert client.raw((outer + inner).encode()).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "request_bytes",
    [b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"OPTIONS / HTTP/1.1\r\n\r\n", b""],
)  # fmt: skip
def test_what_is_no_request_leaves_the_server_alive(client, request_bytes):
    answer = client.raw(request_bytes)
    assert b" 200 " not in answer
    assert b"<html" not in answer.lower()
    assert is_alive(client)


def test_wrong_methods_are_named(client):
    status, headers, _ = client.ask("/api/point")
    assert (status, headers["Allow"]) == (405, "POST")
    status, headers, _ = client.try_post("/api/state")
    assert (status, headers["Allow"]) == (405, "GET")


def test_faults_are_told_in_the_terminal_alone(client, monkeypatch, caplog):
    monkeypatch.setattr(client.server.routes._workplace, "state", lambda: 1 / 0)
    status, _, answer = client.ask("/api/state")
    assert status == 500
    assert "terminal" in answer["error"]
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in str(answer)
