"""Sessions of a benchmark, run and scored: every case, object and teacher, step by step."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunetv2_muduo.evaluation.cases import image_of, list_images
from nnunetv2_muduo.imageio.grid import require_same_grid
from nnunetv2_muduo.imageio.images import read_image, whole_numbers
from nnunetv2_muduo.process_memory import peak_mb, restart_peak
from nnunetv2_muduo.prompting.prompts import Prompt
from nnunetv2_muduo.prompting.protocols import Protocol
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.space import turned
from nnunetv2_muduo.prompting.users import OBJECT, User
from nnunetv2_muduo.storage import digest


@dataclass(frozen=True)
class BenchCase:
    """The files of one case: the truth, and its images by modality."""

    name: str
    truth: Path
    images: dict[str, Path]


def find_cases(images: Path, truth: Path, modalities: Sequence[str]) -> list[BenchCase]:
    """All cases that have a truth; an image is nnU-Net's channel of a modality, or has the case's own name.

    Args:
        modalities: that the teachers need.

    Raises:
        FileNotFoundError, ValueError: no such folder; missing images or other grids, all of them named and counted.
    """
    files, truths = list_images(images), list_images(truth)
    cases, problems = [], []
    for name, truth_file in truths.items():
        found = {modality: image_of(files, name, modality) for modality in modalities}
        problems += [f"{name}: no {m.upper()} in {images}" for m, path in found.items() if path is None]
        cases.append(BenchCase(name, truth_file, {m: path for m, path in found.items() if path}))
    for case in cases:
        for path in case.images.values():
            try:
                require_same_grid(case.truth, path)
            except ValueError as error:
                problems.append(f"{case.name}: {error}")
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ValueError(f"{len(problems)} image(s) of {len(cases)} case(s) can't be used:\n{lines}")
    return cases


def run_case(
    session: PromptSession,
    case: BenchCase,
    organs: dict[str, int],
    protocol: Protocol,
    user_of: Callable[[str, str], User],
) -> Iterator[dict[str, Any]]:
    """Rows of all steps of a case's objects, each in a session of its own.

    Args:
        organs: label value of each object.
        user_of: makes the user of a case and an object.

    Raises:
        ValueError: an image or a prompt that can't be used; the case is named.
    """
    restart_peak()
    try:
        labels = truth_labels(case.truth)
        session.set_image(*case.images.values())
        for organ, value in organs.items():
            session.reset()
            for row in run_object(session, labels == value, protocol, user_of(case.name, organ)):
                yield {"case": case.name, "organ": organ, **row, "peak_mb": peak_mb()}
    except ValueError as error:
        raise ValueError(f"case {case.name}: {error}") from error


def truth_labels(path: Path) -> np.ndarray:
    """A label map's values (z, y, x), turned to LPS as a session's masks are."""
    return sitk.GetArrayFromImage(turned(whole_numbers(read_image(path), path)))


def run_object(
    session: PromptSession, truth: np.ndarray, protocol: Protocol, user: User, start: Sequence[Prompt] = ()
) -> Iterator[dict[str, Any]]:
    """One session: a row per step, with its number, scores, prompts so far, seconds of its answers, and what was obeyed.

    Args:
        session: with an image, and no prompt yet.
        truth: boolean (z, y, x), turned to LPS.
        start: prompts before the first step, such as another model's mask.
    """
    mask = _answered(session, start)[0]
    for step in range(protocol.n_steps):
        prompts = user(step, mask, truth, session.space)
        if prompts:
            mask, seconds = _answered(session, prompts)
        yield {
            "step": step,
            **protocol.score(mask, truth, session.space.spacing_zyx_mm),
            "n_prompts": len(session.prompts) - len(start),
            "seconds": seconds / len(prompts) if prompts else np.nan,
            "obeyed": is_obeyed(session, mask),
            "encode_s": session.encode_seconds,
        }


def is_obeyed(session: PromptSession, mask: np.ndarray) -> bool:
    """Whether every positive point and scribble of object 1 lies inside a mask (z, y, x), and every negative one outside."""
    inside, outside = (mask[tuple(session.clicked_voxels(OBJECT, positive).T)] for positive in (True, False))
    return bool(inside.all() and not outside.any())


def seed_of(case: str, organ: str) -> int:
    """Of a robot: the same for every teacher."""
    return int(digest([case, organ]), 16) % 2**63


def _answered(session: PromptSession, prompts: Sequence[Prompt]) -> tuple[np.ndarray, float]:
    """The mask after some prompts, and the seconds that their answers took."""
    begun = time.perf_counter()
    for prompt in prompts:
        session.add_prompt(prompt)
    seconds = time.perf_counter() - begun
    return session.label_array() == OBJECT, seconds
