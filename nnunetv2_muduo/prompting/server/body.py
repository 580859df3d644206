"""Bodies of requests: bounded before they are read, and JSON with the fields that are asked for."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from nnunetv2_muduo.prompting.server.refused import Refused
from nnunetv2_muduo.prompting.server.uploads import MOST_BYTES, keep_upload
from nnunetv2_muduo.yaml_files import parse_json

MOST_JSON_BYTES = 2**20
MOST_SESSION_BYTES = 64 * 2**20
"""Sessions may hold masks."""
_WORDS = {bool: "true or false", int: "a whole number", list: "a list"}


class Body:
    """What a request sends after its headers.

    Args:
        stream: where it is read from.
        length, kind: the headers Content-Length and Content-Type, None where there is none.
    """

    def __init__(self, stream: BinaryIO, length: str | None, kind: str | None):
        self._stream, self._length = stream, length
        self._kind = (kind or "").partition(";")[0].strip().lower()
        self.has_length = length is not None and length.isascii() and length.isdecimal()
        self.unread = int(length) if self.has_length else 0

    def text(self, most_bytes: int = MOST_JSON_BYTES) -> str:
        """JSON as it was sent. Raises Refused."""
        self._require("application/json", most_bytes)
        content = self._stream.read(self.unread)
        self.unread = 0
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "The request is no text in UTF-8.") from error

    def fields(self, **kinds: type) -> list[Any]:
        """Values of the fields of a JSON object, each of its kind. Raises Refused."""
        try:
            content = parse_json(self.text())
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise Refused(HTTPStatus.BAD_REQUEST, f"The request is no valid JSON: {error.msg} ({place}).") from error
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"The request is no valid JSON: {error}.") from error
        if not isinstance(content, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "The request must be a JSON object {...}.")
        for name, kind in kinds.items():
            if type(content.get(name)) is not kind:
                raise Refused(HTTPStatus.BAD_REQUEST, f"The request's {name!r} must be {_WORDS[kind]}.")
        return [content[name] for name in kinds]

    def keep(self, folder: Path, stem: str) -> Path:
        """Write it into a folder; see `keep_upload`."""
        self._require("application/octet-stream", MOST_BYTES)
        n_bytes, self.unread = self.unread, 0
        return keep_upload(self._stream, n_bytes, folder, stem)

    def _require(self, kind: str, most_bytes: int) -> None:
        if self._length is None:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "The request must say how long it is (Content-Length).")
        if not self.has_length:
            raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length must be a whole number.")
        if self.unread > most_bytes:
            sentence = f"The request has {self.unread} bytes, more than the {most_bytes} that are taken here."
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
        if self._kind != kind:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The request's Content-Type must be {kind}.")
