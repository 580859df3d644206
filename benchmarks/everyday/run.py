"""Rows in folders of their own, done once each; and their table."""

import importlib.util
import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nnunetv2.run.run_training  # noqa: F401  # so that the commands, which are forked, need not import it

import nnunetv2_muduo
from benchmarks.everyday.row import Refused, Row, Step
from benchmarks.everyday.rows import ROWS
from nnunetv2_muduo.cli.demo_steps import StepRunner
from nnunetv2_muduo.config import CONFIG_VARIABLE
from nnunetv2_muduo.storage import write_text
from nnunetv2_muduo.tables import markdown_row

PLUGIN = Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"
BY_NAME = {row.name: row for row in ROWS}
DONE, FAILED = "done.json", "failed.json"
"""In a row's folder: its result. A row that is done is not run again, one that failed starts anew."""


def run_row(row: Row, folder: Path) -> bool:
    """Run a row, and before it those that it starts from, where they are not done; false where one failed.

    Args:
        folder: of all rows, each of which has a folder in it.
    """
    own = folder / row.name
    if (own / DONE).is_file():
        return True
    if row.needs and importlib.util.find_spec(row.needs) is None:
        print(f"{row.name}: skipped, {row.needs} is not installed", flush=True)
        return True
    if row.starts_from and not run_row(BY_NAME[row.starts_from], folder):
        print(f"{row.name}: not run, since {row.starts_from} failed", flush=True)
        return False
    print(f"\n{row.name}: {row.guards}", flush=True)
    _start_folder(row, folder)
    started = time.monotonic()
    error = _error_of(row, own)
    result = {"seconds": round(time.monotonic() - started), "error": error}
    write_text(json.dumps(result, indent=1), own / (FAILED if error else DONE))
    print(f"{row.name}: {error or 'ok'}", flush=True)
    return error is None


def _start_folder(row: Row, folder: Path) -> None:
    """A copy of what the row starts from, without its logs."""
    own = folder / row.name
    shutil.rmtree(own, ignore_errors=True)
    if row.starts_from:
        shutil.copytree(folder / row.starts_from, own, ignore=shutil.ignore_patterns("steps", "phantom", DONE))
    for name in ("raw", "preprocessed", "results"):
        (own / f"nnUNet_{name}").mkdir(parents=True, exist_ok=True)


def _error_of(row: Row, own: Path) -> str | None:
    """Run a row's steps; the last line of what went wrong, None where nothing did."""
    try:
        with _environment(row, own):
            runner = StepRunner(own, lone_threads=1)
            for step in row.steps:
                _run_step(step, runner, own)
        if missing := [pattern for pattern in row.leaves if not any(own.glob(pattern))]:
            raise AssertionError(f"not there afterwards: {', '.join(missing)}")
    except Exception as error:  # of any kind: the table names it, the next row runs
        return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return None


def _run_step(step: Step, runner: StepRunner, own: Path) -> None:
    if isinstance(step, Refused):
        _run_refused(step, runner)
    elif isinstance(step, str):
        words = shlex.split(step)
        n_variables = next(n for n, word in enumerate(words) if "=" not in word)
        variables = dict(word.split("=", 1) for word in words[:n_variables])
        runner.run(shlex.join(words[n_variables:]), **variables)
    else:
        step(own)


def _run_refused(step: Refused, runner: StepRunner) -> None:
    try:
        runner.run(step.command)
    except RuntimeError as error:
        if step.words not in str(error):
            raise AssertionError(
                f"refused, but without {step.words!r}: {str(error).splitlines()[-1].strip()}"
            ) from error
    else:
        raise AssertionError(f"not refused: {step.command}")


@contextmanager
def _environment(row: Row, own: Path) -> Iterator[None]:
    """nnU-Net's folders in the row's, our trainers and the user's own, no worker processes; then all as it was."""
    own = own.resolve()
    variables = {f"nnUNet_{name}": str(own / f"nnUNet_{name}") for name in ("raw", "preprocessed", "results")}
    variables |= {
        CONFIG_VARIABLE: str(own / "config.yaml"),
        "nnUNet_extTrainer": os.pathsep.join([str(PLUGIN), str(own / "own")]),
        "nnUNet_def_n_proc": "1",
        "nnUNet_n_proc_DA": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
        **row.variables,
    }
    before = dict(os.environ)
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    for name in [name for name, value in variables.items() if value is None]:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def summary(folder: Path) -> str:
    """Markdown table of all rows: what each guards, how long it took, and how it ended."""
    cells = [(row.name, row.guards, *_ending(folder / row.name)) for row in ROWS]
    lines = [
        markdown_row(("row", "what it guards", "seconds", "result")),
        "|---|---|---|---|",
        *map(markdown_row, cells),
    ]
    return "\n".join(lines) + "\n"


def _ending(own: Path) -> tuple[str, str]:
    for name in (DONE, FAILED):
        if (own / name).is_file():
            result = json.loads((own / name).read_text(encoding="utf-8"))
            return str(result["seconds"]), "ok" if name == DONE else f"failed: {result['error']}"
    return "", "not run"
