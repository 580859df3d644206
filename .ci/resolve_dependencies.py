"""A dry resolve: can every Python that the package names get what it asks for? Needs uv and the package index, installs nothing.

    uv run --no-project .ci/resolve_dependencies.py        # or: python .ci/resolve_dependencies.py, where uv is installed

Prints a line for each Python with the versions that matter, and ends with 1 where one has no solution.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SHOWN = ("nnunetv2", "torch", "numpy", "blosc2", "simpleitk", "pydicom")
ROOT = Path(__file__).parents[1]


def requirements() -> list[str]:
    """What setup.py asks for, extras too, read from its source."""
    call = next(node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if _is_setup(node))
    declared = {word.arg: word.value for word in call.keywords}
    extras = ast.literal_eval(declared["extras_require"])
    return [*ast.literal_eval(declared["install_requires"]), *(one for extra in extras.values() for one in extra)]


def _is_setup(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"


def resolve(python: str) -> tuple[bool, str]:
    """Whether there is a solution for this Python on Linux, and its versions of SHOWN or uv's reasons."""
    command = [
        "uv",
        "pip",
        "compile",
        "-",
        "--quiet",
        "--python-version",
        python,
        "--python-platform",
        "x86_64-manylinux_2_28",
    ]
    done = subprocess.run(command, input="\n".join(requirements()), capture_output=True, text=True)
    if done.returncode:
        return False, done.stderr.strip()
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)", done.stdout, re.MULTILINE))
    return True, ", ".join(f"{name} {versions[name]}" for name in SHOWN)


def main() -> int:
    """Resolve for every Python; the exit code is 1 where one fails."""
    results = {python: resolve(python) for python in PYTHONS}
    for python, (solved, text) in results.items():
        print(f"Python {python}: {'' if solved else 'NO SOLUTION: '}{text}", flush=True)
    return 0 if all(solved for solved, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
