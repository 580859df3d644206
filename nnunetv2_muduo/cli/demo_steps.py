"""The demo's commands: printed when they start, several at once where they can, their words in files.

A step does what the command's script does, in a process that is forked from this one where that is safe. It finds nnU-Net
imported: importing it anew takes longer than most steps.
"""

import multiprocessing
import multiprocessing.connection
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from multiprocessing.process import BaseProcess
from pathlib import Path

from nnunetv2_muduo.parallel import n_cores

FORKED = sys.platform == "linux"
CONTEXT = multiprocessing.get_context("fork" if FORKED else "spawn")
MOST_THREADS = 4  # small patches gain nothing from more
N_LINES_OF_A_FAILURE = 25


@dataclass
class Step:
    """A command that runs."""

    number: int
    process: BaseProcess
    log: Path
    started: float = field(default_factory=time.monotonic)


class StepRunner:
    """Runs commands in a folder and numbers them. What the fourth one prints is in `steps/04_COMMAND.log` there.

    Args:
        lone_threads: threads of a command that runs alone.
    """

    def __init__(self, folder: Path, lone_threads: int):
        self.folder, self.lone_threads = folder, lone_threads
        self.n_steps = 0
        (folder / "steps").mkdir(exist_ok=True)

    def run(self, *commands: str, **environment: str) -> None:
        """Run commands at the same time, sharing the cores, until all are done.

        Args:
            commands: names of installed commands with their arguments.
            environment: variables that are set for these commands alone.

        Raises:
            RuntimeError: a command failed; the message ends with its last lines. The others are stopped.
        """
        threads = self.lone_threads if len(commands) == 1 else n_threads(len(commands))
        running = [self._start(command, environment, threads) for command in commands]
        try:
            while running:
                ended = multiprocessing.connection.wait([step.process.sentinel for step in running])
                for step in [step for step in running if step.process.sentinel in ended]:
                    running.remove(step)
                    _finish(step)
        finally:
            for step in running:
                step.process.terminate()
                step.process.join()

    def _start(self, command: str, environment: dict[str, str], threads: int) -> Step:
        self.n_steps += 1
        words = shlex.split(command)
        name = "_".join(words[:2]) if words[0] == "muduo" else words[0]
        log = self.folder / "steps" / f"{self.n_steps:02}_{name}.log"
        shown = " ".join([*(f"{name}={value}" for name, value in environment.items()), command])
        print(f"{self.n_steps:2}  $ {shown}", flush=True)
        variables = {"OMP_NUM_THREADS": str(threads), **environment}
        process = CONTEXT.Process(target=_run_command, args=(words, self.folder, log, variables))
        process.start()
        return Step(self.n_steps, process, log)


def _run_command(words: list[str], folder: Path, log: Path, variables: dict[str, str]) -> None:
    """What the script of a command does, in a process of its own that writes to a log."""
    sys.stdout = sys.stderr = log.open("w", buffering=1, encoding="utf-8")
    for descriptor in (1, 2):  # of what is not Python, and of further processes
        os.dup2(sys.stdout.fileno(), descriptor)
    os.environ |= variables
    os.chdir(folder)
    sys.argv = words
    _keep_to_threads(int(variables["OMP_NUM_THREADS"]))
    sys.exit(find_command(words[0])())


def _keep_to_threads(threads: int) -> None:
    """Give a command its share of the cores. nnU-Net's commands would take all of them, whatever runs beside them."""
    import torch

    torch.set_num_threads(threads)
    torch.set_num_threads = lambda _: None


def find_command(name: str) -> Callable:
    """The function that an installed command calls."""
    found = [command for command in entry_points(group="console_scripts") if command.name == name]
    if not found:
        raise RuntimeError(f"No command {name} is installed beside {sys.executable}.")
    return found[0].load()


def _finish(step: Step) -> None:
    step.process.join()
    if step.process.exitcode != 0:
        raise RuntimeError(
            f"step {step.number} failed with exit code {step.process.exitcode}. The end of {step.log}:\n"
            + last_lines(step.log)
        )
    print(f"{step.number:2}  {time.monotonic() - step.started:.0f} s", flush=True)


def last_lines(log: Path) -> str:
    """The end of a log; of a progress bar, which writes over its line, the last state."""
    lines = log.read_bytes().decode(errors="replace").rstrip().split("\n")
    return "\n".join("  " + line.rstrip().split("\r")[-1] for line in lines[-N_LINES_OF_A_FAILURE:])


def n_threads(n_commands: int) -> int:
    """Threads of each of several commands that run at once, as many as there are cores for them."""
    return max(1, min(MOST_THREADS, n_cores() // n_commands))
