"""Steps of the demo: commands, printed when they start, several at once where they can, with their output in files."""

import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_muduo.parallel import n_cores

MOST_THREADS = 4  # small patches gain nothing from more
N_LINES_OF_A_FAILURE = 25
_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass
class Step:
    """A command that runs."""

    number: int
    process: subprocess.Popen
    log: Path
    started: float = field(default_factory=time.monotonic)


class StepRunner:
    """Runs commands in a folder and numbers them. What the fourth one prints is in `steps/04_COMMAND.log` there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.n_steps = 0
        (folder / "steps").mkdir(exist_ok=True)

    def run(self, *commands: str, **environment: str) -> None:
        """Run commands at the same time, sharing the cores, until all are done.

        Args:
            environment: variables that are set for these commands alone.

        Raises:
            RuntimeError: a command failed; the message ends with its last lines. The others are stopped.
        """
        running = [self._start(command, environment, len(commands)) for command in commands]
        try:
            while running:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                for step in [step for step in running if step.process.poll() is not None]:
                    running.remove(step)
                    _finish(step)
        finally:
            for step in running:
                step.process.terminate()
                step.process.wait()

    def _start(self, command: str, environment: dict[str, str], n_at_once: int) -> Step:
        self.n_steps += 1
        words = shlex.split(command)
        name = "_".join(words[:2]) if words[0] == "muduo" else Path(words[0]).name
        log = self.folder / "steps" / f"{self.n_steps:02}_{name}.log"
        shown = " ".join([*(f"{name}={value}" for name, value in environment.items()), command])
        print(f"{self.n_steps:2}  $ {shown}", flush=True)
        variables = {**os.environ, **thread_environment(n_at_once), **environment}
        with log.open("w") as file:
            process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, cwd=self.folder, env=variables)
        return Step(self.n_steps, process, log)


def _finish(step: Step) -> None:
    if step.process.returncode != 0:
        raise RuntimeError(
            f"step {step.number} failed with exit code {step.process.returncode}. The end of {step.log}:\n"
            + last_lines(step.log)
        )
    print(f"{step.number:2}  {time.monotonic() - step.started:.0f} s", flush=True)


def last_lines(log: Path) -> str:
    """The end of a log; of a progress bar, which writes over its line, the last state."""
    lines = log.read_bytes().decode(errors="replace").rstrip().split("\n")
    return "\n".join("  " + line.rstrip().split("\r")[-1] for line in lines[-N_LINES_OF_A_FAILURE:])


def thread_environment(n_commands: int) -> dict[str, str]:
    """Threads of commands that run at once, which our trainers keep to.

    Threads that wait do not spin: where several processes share the cores, spinning slows all of them down several times.
    """
    n_threads = max(1, min(MOST_THREADS, n_cores() // n_commands))
    return {"OMP_NUM_THREADS": str(n_threads), "OMP_WAIT_POLICY": "PASSIVE"}
