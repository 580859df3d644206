"""What the server answers: one function per method and path, from a request to a reply, and no HTTP."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from nnunetv2_muduo.imageio.write import write_nifti
from nnunetv2_muduo.prompting.prompts import places_array
from nnunetv2_muduo.prompting.server.body import MOST_SESSION_BYTES, Body
from nnunetv2_muduo.prompting.server.page_files import page_files
from nnunetv2_muduo.prompting.server.refused import Refused
from nnunetv2_muduo.prompting.server.uploads import read_upload
from nnunetv2_muduo.prompting.server.workplace import Scene, Workplace

JSON, BINARY = "application/json", "application/octet-stream"
_NAME_CHARACTERS = 100
_UNSAFE = re.compile(r"[^\w.() -]+", re.ASCII)


@dataclass(frozen=True)
class Reply:
    """Content with its type and further headers; status 200."""

    content: Any
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, content: Any) -> "Reply":
        return cls(json.dumps(content, allow_nan=False).encode())

    @classmethod
    def file(cls, path: Path, name: str, kind: str) -> "Reply":
        """A file to save, which is read and removed."""
        content = path.read_bytes()
        path.unlink()
        return cls(content, kind, {"Content-Disposition": f'attachment; filename="{name}"'})


class Routes:
    """Requests on a workplace. Callers take care that one is answered at a time.

    Args:
        folder: for uploads and files on their way out.
    """

    def __init__(self, workplace: Workplace, folder: Path):
        self._workplace, self._folder = workplace, folder
        self._uploads: dict[str, tuple[Path, str]] = {}
        self._found: dict[str, dict[str, Callable[[Mapping[str, str], Body], Reply]]] = {
            "/api/state": {"GET": self._state},
            "/api/volume": {"GET": self._volume},
            "/api/mask": {"GET": self._mask},
            "/api/session": {"GET": self._saved, "POST": self._load},
            "/api/point": {"POST": self._point},
            "/api/scribble": {"POST": self._scribble},
            "/api/undo": {"POST": self._undo},
            "/api/reset": {"POST": self._reset},
            "/api/upload": {"POST": self._upload},
            "/api/open": {"POST": self._open},
        }
        for path, content in page_files().items():
            self._found[path] = {"GET": partial(_page_file, content)}

    def reply(self, method: str, path: str, query: Mapping[str, str], body: Body) -> Reply:
        """Raises Refused, and ValueError for what a session or an image refuses."""
        if path not in self._found:
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here by that name.")
        methods = self._found[path]
        if method not in methods:
            allowed = ", ".join(methods)
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"This address takes {allowed} alone.", {"Allow": allowed})
        return methods[method](query, body)

    @property
    def _scene(self) -> Scene:
        if self._workplace.scene is None:
            raise Refused(HTTPStatus.CONFLICT, "No image is open yet: open one first.")
        return self._workplace.scene

    def _state(self, query: Mapping[str, str], body: Body) -> Reply:
        return Reply.json(self._workplace.state())

    def _volume(self, query: Mapping[str, str], body: Body) -> Reply:
        volumes = self._scene.volumes
        modality = query.get("of", "")
        if modality not in volumes:
            raise Refused(HTTPStatus.NOT_FOUND, f"The open image has no such volume: of={'|'.join(volumes)}.")
        return Reply(memoryview(volumes[modality].stored).cast("B"), BINARY)

    def _point(self, query: Mapping[str, str], body: Body) -> Reply:
        place_mm, positive, number = body.fields(places_mm=list, positive=bool, object=int)
        self._scene.session.add_point(places_array(place_mm), positive=positive, object_id=number)
        return Reply.json(self._scene.answer())

    def _scribble(self, query: Mapping[str, str], body: Body) -> Reply:
        places_mm, positive, number = body.fields(places_mm=list, positive=bool, object=int)
        self._scene.session.add_scribble(places_array(places_mm), positive=positive, object_id=number)
        return Reply.json(self._scene.answer())

    def _undo(self, query: Mapping[str, str], body: Body) -> Reply:
        body.fields()
        self._scene.session.undo()
        return Reply.json(self._scene.answer())

    def _reset(self, query: Mapping[str, str], body: Body) -> Reply:
        body.fields()
        self._scene.session.reset()
        return Reply.json(self._scene.answer())

    def _saved(self, query: Mapping[str, str], body: Body) -> Reply:
        path = self._folder / "session.json"
        self._scene.session.save(path)
        return Reply.file(path, f"{_safe(self._scene.name)}_session.json", JSON)

    def _load(self, query: Mapping[str, str], body: Body) -> Reply:
        text = body.text(MOST_SESSION_BYTES)
        session, before = self._scene.session, list(self._scene.session.prompts)
        path = self._folder / "loaded_session.json"
        path.write_text(text, encoding="utf-8")
        try:
            session.load(path)
            return Reply.json(self._scene.answer())
        except ValueError as error:
            session.replay(before)
            raise ValueError(str(error).replace(str(path), "The session file")) from error
        finally:
            path.unlink()

    def _mask(self, query: Mapping[str, str], body: Body) -> Reply:
        path = self._folder / "mask.nii.gz"
        write_nifti(self._scene.session.label_map(), path)
        return Reply.file(path, f"{_safe(self._scene.name)}_mask.nii.gz", "application/gzip")

    def _upload(self, query: Mapping[str, str], body: Body) -> Reply:
        modality = query.get("of", "")
        if modality not in ("pet", "ct"):
            raise Refused(HTTPStatus.BAD_REQUEST, "An upload is a PET or a CT: of=pet or of=ct.")
        self._uploads.pop(modality, None)
        self._uploads[modality] = body.keep(self._folder, modality), _safe(query.get("name", "image"))
        return Reply.json({"uploaded": sorted(self._uploads)})

    def _open(self, query: Mapping[str, str], body: Body) -> Reply:
        (named,) = body.fields(images=list)
        if not named or any(not isinstance(one, str) or one not in self._uploads for one in named):
            raise Refused(
                HTTPStatus.CONFLICT, 'The request\'s \'images\' must name what was uploaded: "pet", "ct" or both.'
            )
        uploads = {modality: self._uploads.pop(modality) for modality in dict.fromkeys(named)}
        try:
            images = {modality: read_upload(path, name) for modality, (path, name) in uploads.items()}
            self._workplace.open(images, uploads["pet" if "pet" in uploads else "ct"][1])
        finally:
            for path, _ in uploads.values():
                path.unlink(missing_ok=True)
        return Reply.json(self._workplace.state())


def _page_file(content: tuple[bytes, str], query: Mapping[str, str], body: Body) -> Reply:
    return Reply(*content)


def _safe(name: str) -> str:
    """A user's file name without path, ending and signs that a header or a disk may not take."""
    stem = re.sub(r"\.nii(\.gz)?$", "", re.split(r"[\\/]", name)[-1], flags=re.IGNORECASE)
    return _UNSAFE.sub("_", stem)[:_NAME_CHARACTERS].strip(". ") or "image"
