"""What a request is refused with: a status of HTTP and a sentence."""

from http import HTTPStatus


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        sentence: what is wrong, for people.
        headers: further ones of the answer.
    """

    def __init__(self, status: HTTPStatus, sentence: str, headers: dict[str, str] | None = None):
        super().__init__(sentence)
        self.status, self.headers = status, headers or {}
