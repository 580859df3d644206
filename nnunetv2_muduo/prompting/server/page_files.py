"""The files of the page: these and no others are sent, by their names."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "page"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
INDEX = "/"


@cache
def page_files() -> dict[str, tuple[bytes, str]]:
    """Content and Content-Type by the path of their address."""
    files = {}
    for file in sorted(_FOLDER.iterdir()):
        if file.suffix in _KINDS:
            path = INDEX if file.name == "index.html" else f"/{file.name}"
            files[path] = file.read_bytes(), f"{_KINDS[file.suffix]}; charset=utf-8"
    return files
