"""Who may ask the server: whoever knows its token, and no other page of the same browser.

* The token is new at every start, and every request must bring it: in the address that is printed, after that in a cookie, or
  from programs as `Authorization: Bearer TOKEN`.
* The Host header must be a name of this server: a page elsewhere whose name is made to point here (DNS rebinding) brings its own.
* A browser says which page asks (Origin, Sec-Fetch-Site): no other one may, not even from another port of this machine, whose
  requests would bring the cookie.
"""

import ipaddress
import secrets
import socket
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from nnunetv2_muduo.prompting.server.refused import Refused

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})
_TOKEN_BYTES = 24


class Access:
    """The rules for a server that listens at `host` and `port`."""

    def __init__(self, host: str, port: int):
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._cookie = f"muduo_{port}"  # browsers share cookies among the ports of a machine
        self._host = host.lower()

    @property
    def set_cookie(self) -> str:
        """Header by which a browser keeps the token: out of reach of scripts, sent from this page alone."""
        return f"{self._cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"

    def require(self, headers: Mapping[str, str], token_of_address: str = "") -> None:
        """Raise Refused (403, 401) where a request may not be answered."""
        host = headers.get("Host", "")
        if not self._is_own(_name(host)):
            raise Refused(HTTPStatus.FORBIDDEN, "This server is not called by that name: use the address it printed.")
        origin = headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise Refused(HTTPStatus.FORBIDDEN, "Another page may not ask this server.")
        if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none") and not token_of_address:
            raise Refused(HTTPStatus.FORBIDDEN, "Another page may not ask this server.")
        given = token_of_address or self._token_in(headers)
        if not secrets.compare_digest(given.encode(errors="replace"), self.token.encode()):
            sentence = "The token is missing or wrong: open the address that the server printed when it started."
            raise Refused(HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": "Bearer"})

    def _is_own(self, name: str) -> bool:
        if name in LOOPBACK or (name and name == self._host):
            return True
        return self._host in EVERYWHERE and (_is_address(name) or name == socket.gethostname().lower())

    def _token_in(self, headers: Mapping[str, str]) -> str:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        for part in headers.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return ""


def _name(host: str) -> str:
    """Host without its port, in small letters; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """Whether a name is an IP address, which nobody can make to point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
