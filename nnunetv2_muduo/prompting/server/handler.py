"""HTTP: from the wire to `Routes`, and back; whatever is refused is a JSON sentence with its status."""

import json
import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET6, gethostname
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nnunetv2_muduo.prompting.server.access import EVERYWHERE, Access
from nnunetv2_muduo.prompting.server.body import Body
from nnunetv2_muduo.prompting.server.page_files import INDEX
from nnunetv2_muduo.prompting.server.refused import Refused
from nnunetv2_muduo.prompting.server.routes import JSON, Reply, Routes

log = logging.getLogger(__name__)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SECONDS_OF_SILENCE = 60
"""After which a connection that says nothing is closed."""
_DRAINED_BYTES = 16 * 2**20
"""Of a refused body: a sender that still sends would not read why."""


class PromptServer(ThreadingHTTPServer):
    """Listens at `host` and `port` (0: any that is free). `url` holds the token."""

    daemon_threads = True  # an open connection doesn't keep the server from ending
    block_on_close = False

    def __init__(self, routes: Routes, host: str, port: int):
        if ":" in host and ip_address(host).version == 6:
            self.address_family = AF_INET6
        super().__init__((host, port), Handler)
        self.routes, self.one_at_a_time = routes, threading.Lock()
        self.access = Access(host, self.server_port)

    @property
    def url(self) -> str:
        host = str(self.server_address[0])
        host = gethostname() if host in EVERYWHERE else host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/?token={self.access.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection ended early", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: PromptServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "muduo", ""
    timeout = SECONDS_OF_SILENCE

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        body = Body(self.rfile, self.headers.get("Content-Length"), self.headers.get("Content-Type"))
        try:
            reply, status = self._reply(method, body), HTTPStatus.OK
        except Refused as error:
            reply, status = _sentence(str(error), error.headers), error.status
        except (ValueError, OSError, MemoryError) as error:  # of a session, an image, a disk
            reply, status = _sentence(str(error) or type(error).__name__), HTTPStatus.UNPROCESSABLE_ENTITY
        except Exception:
            log.exception("a request could not be answered")
            sentence = "Something went wrong in the server; its terminal says what."
            reply, status = _sentence(sentence), HTTPStatus.INTERNAL_SERVER_ERROR
        if method == "POST" and not body.has_length:
            self.close_connection = True  # where it ends is not known
        self._leave_nothing_unread(body)
        self._send(status, reply)

    def _reply(self, method: str, body: Body) -> Reply:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True, max_num_fields=10))
        token = query.get("token", "") if address.path == INDEX else ""
        self.server.access.require(self.headers, token)
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "The request must come in one piece, with a Content-Length.")
        with self.server.one_at_a_time:
            reply = self.server.routes.reply(method, address.path, query, body)
        if token:
            reply.headers["Set-Cookie"] = self.server.access.set_cookie
        return reply

    def _leave_nothing_unread(self, body: Body) -> None:
        """What is left of a body would be read as the next request."""
        if not body.unread:
            return
        self.close_connection = True
        left = min(body.unread, _DRAINED_BYTES)
        while left > 0 and (block := self.rfile.read1(min(left, 2**16))):
            left -= len(block)

    def _send(self, status: HTTPStatus, reply: Reply) -> None:
        self.send_response(status)
        headers = HEADERS | {"Content-Type": reply.kind, "Content-Length": str(len(reply.content))} | reply.headers
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses, such as an unknown method or a header without end."""
        self.close_connection = True
        self._send(HTTPStatus(code), _sentence(message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address may hold the token."""


def _sentence(text: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(json.dumps({"error": text}).encode(), JSON, dict(headers or {}))
