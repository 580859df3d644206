"""Checks that can't end the command: whatever goes wrong in one is a finding, and the others go on."""

import traceback
from collections.abc import Callable
from pathlib import Path

from nnunetv2_muduo.check.findings import PROBLEM, Finding, finding


def guarded(subject: str, check: Callable[..., Finding | list[Finding]], *arguments) -> list[Finding]:
    """What a check finds, or a problem of the subject in the words of the error that it ended with."""
    try:
        found = check(*arguments)
    except Exception as error:
        return [finding(subject, "", problem=_words(error))]
    return found if isinstance(found, list) else [found]


def said_once(findings: list[Finding]) -> list[Finding]:
    """Without problems that an earlier finding has in the same words: one broken file can end several checks."""
    kept: list[Finding] = []
    for one in findings:
        if one.status != PROBLEM or all(one.found != other.found for other in kept):
            kept.append(one)
    return kept


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} can't be used ({error.strerror}): correct the path or its permissions"
    if isinstance(error, (ValueError, OSError, RuntimeError)) and str(error):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"not checked, by a fault of this package or of nnU-Net ({type(error).__name__}: {error}; {where}): please report it"
