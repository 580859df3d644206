"""Memory of this process at its peak, as Linux counts it."""

import ctypes
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def restart_peak() -> None:
    """Let the peak begin anew; on other systems nothing happens.

    Source: https://docs.kernel.org/filesystems/proc.html, `clear_refs` (5 resets the peak resident set size).
    """
    if _CLEAR.exists():
        ctypes.CDLL(None).malloc_trim(0)  # what was freed counts as free
        _CLEAR.write_text("5", encoding="ascii")


def peak_mb() -> int | None:
    """Resident memory at its peak, in units of 2^20 bytes; None where the system doesn't tell."""
    return _status_mb("VmHWM")


def resident_mb() -> int | None:
    """Resident memory now, in units of 2^20 bytes; None where the system doesn't tell."""
    return _status_mb("VmRSS")


def _status_mb(key: str) -> int | None:
    if not _CLEAR.exists():
        return None
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) // 2**10
