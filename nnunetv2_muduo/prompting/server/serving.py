"""Start the server, say where it is, and end it cleanly."""

import errno
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nnunetv2_muduo.imageio.images import read_image
from nnunetv2_muduo.prompting.answers import Promptable
from nnunetv2_muduo.prompting.server.access import LOOPBACK
from nnunetv2_muduo.prompting.server.handler import PromptServer
from nnunetv2_muduo.prompting.server.routes import Routes
from nnunetv2_muduo.prompting.server.workplace import Workplace

HOST, PORT = "127.0.0.1", 8765


def serve(
    image: str | Path | None = None,
    ct: str | Path | None = None,
    teacher: str | Path | Promptable = "small_pet",
    ct_teacher: str | Path | Promptable | None = None,
    host: str = HOST,
    port: int = PORT,
    names: Sequence[str] | None = None,
) -> None:
    """Serve the page until Ctrl-C (or SIGTERM).

    Args:
        image: to begin with, in the teacher's unit; None: the page asks for one.
        ct: beside a PET; shown only, where there is no `ct_teacher`.
        teacher, ct_teacher: as of `PromptSession`.
        host, port: where to listen. Another host than this machine's loopback lets others ask, unencrypted. Port 0: any free one.
        names: what the page calls the teachers; None: as they were given.

    Raises:
        CaseRefused, ValueError: an image or a teacher that can't be used.
        OSError: a port that is taken, or a host that is none of this machine's.
    """
    workplace = Workplace(teacher, ct_teacher, names)
    if image is not None or ct is not None:
        open_files(workplace, image, ct)
    with listening(workplace, host, port) as server, _ended_by_a_signal():
        if host not in LOOPBACK:
            print(f"Warning: whoever reaches {host} and knows this address sees the images, and nothing is encrypted.")
        print(f"Open {server.url}\nCtrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nThe server has ended; nothing of it is left on disk.")


def open_files(workplace: Workplace, image: str | Path | None, ct: str | Path | None = None) -> None:
    """Open the images of a command line. Raises CaseRefused, ValueError."""
    if image is None:
        raise ValueError("A CT goes beside an image: name the image too.")
    images = {workplace.first: read_image(Path(image))}
    if ct is not None:
        if workplace.first == "ct":
            raise ValueError("The teacher is for CT: the image is the CT, and no second one goes beside it.")
        images["ct"] = read_image(Path(ct))
    workplace.open(images, Path(image).name)


@contextmanager
def listening(workplace: Workplace, host: str = HOST, port: int = 0) -> Iterator[PromptServer]:
    """A server that listens and is not running yet, with a temporary folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="muduo_segment_") as folder:
        try:
            server = PromptServer(Routes(workplace, Path(folder)), host, port)
        except (OSError, ValueError, OverflowError) as error:
            raise OSError(_why_not(error, host, port)) from error
        with server:
            yield server


def _why_not(error: Exception, host: str, port: int) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken by another program. Name another one, or 0 for any that is free."
    if getattr(error, "errno", None) == errno.EACCES:
        return f"You may not listen at port {port} of {host}. Name one above 1023, or 0 for any that is free."
    return f"{host} with port {port} is no place to listen at ({error}). 127.0.0.1 is this machine alone."


@contextmanager
def _ended_by_a_signal() -> Iterator[None]:
    """Within it, SIGTERM ends like Ctrl-C, so that the temporary folder goes too."""
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
