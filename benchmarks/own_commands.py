"""Commands that are installed beside this Python, nnU-Net's among them, also where its environment is not activated."""

import os
import sys
from pathlib import Path


def path_with_own_commands() -> str:
    """`PATH` for processes, in which they come first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
