"""Findings of `muduo check`: one per line of its table."""

import json
from dataclasses import asdict, dataclass

OK, WARNING, PROBLEM = "ok", "warning", "PROBLEM"
_N_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One line: ok, a warning (training runs, but look at it), or a problem (training would fail or go wrong)."""

    status: str
    subject: str
    found: str


def finding(subject: str, found: str, *, problem: str = "", warning: str = "") -> Finding:
    """A finding that is ok unless there is a text on a problem or a warning, which is then said too, in one line."""
    status = PROBLEM if problem else WARNING if warning else OK
    text = "; ".join(filter(None, (found, problem or warning)))
    return Finding(status, subject, " ".join(line.strip() for line in text.splitlines()))


def first(names) -> str:
    """The first few names, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - _N_SHOWN} more" if len(names) > _N_SHOWN else ""
    return ", ".join(names[:_N_SHOWN]) + more


def table(findings: list[Finding]) -> str:
    """Findings as aligned columns."""
    width = max(len(one.subject) for one in findings)
    return "\n".join(f"{one.status:7}  {one.subject:{width}}  {one.found}" for one in findings)


def as_json(findings: list[Finding], conclusion: str) -> str:
    """Findings for other programs: `ready`, `conclusion`, and `findings` with status, subject and found."""
    ready = all(one.status != PROBLEM for one in findings)
    content = {"ready": ready, "conclusion": conclusion, "findings": [asdict(one) for one in findings]}
    return json.dumps(content, indent=2, ensure_ascii=False)
