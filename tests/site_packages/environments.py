"""Environments with the big packages of the tests' own, in which nnU-Net and this package are installed in every way."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nnunetv2

ROOT = Path(__file__).parents[2]
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "site_packages", "nnunetv2_muduo")
OURS = ("nnunetv2", "__pycache__", "__editable__")  # how names begin that environments do not share
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
QUIETLY = ["--quiet", "--no-deps", "--no-build-isolation"]
FIND = """
import pickle, sys
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name as find
for name in sys.argv[1:]:
    found = find(name)
    assert found.__name__ == name, found
    assert pickle.loads(pickle.dumps(found)) is found
    print("FOUND", name, "in", found.__module__)
heavy = [m for m in sys.modules if m.startswith(("nnunetv2_muduo.teachers", "nnunetv2_muduo.evaluation"))]
assert not heavy, heavy
"""


def call(command: list, **environment: str) -> subprocess.CompletedProcess:
    """Run a command away from the checkout, with none of the tests' own variables; its output is kept as text."""
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "nnUNet_results": "/nonexistent", **environment}
    return subprocess.run(list(map(str, command)), cwd="/", env=clean, capture_output=True, text=True)


def succeed(command: list, **environment: str) -> str:
    """What a command prints; an AssertionError with its errors where it fails."""
    done = call(command, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_sources(folder: Path) -> Path:
    """A copy of what the package is built from: building writes into the folder."""
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


class Environment:
    """A virtual environment with links to everything that the tests' own has, but nnU-Net and this package."""

    def __init__(self, folder: Path, system_site_packages: bool = False):
        venv.create(folder, with_pip=False, system_site_packages=system_site_packages)
        self.python = folder / "bin" / "python"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        for entry in _shared():
            (self.site / entry.name).symlink_to(entry)

    def pip(self, *words, **environment: str) -> None:
        """pip in this environment, without network."""
        succeed([*PIP, "--python", self.python, *words], **environment)

    def install(self, *what, **environment: str) -> None:
        """pip install, without dependencies."""
        self.pip("install", "--no-index", *QUIETLY, *what, **environment)

    def find(self, *names: str, **environment: str) -> subprocess.CompletedProcess:
        """Ask nnU-Net's finder for trainers."""
        return call([self.python, "-c", FIND, *names], **environment)


def _shared() -> list[Path]:
    own = Path(sysconfig.get_path("purelib"))
    return [entry for entry in own.iterdir() if not entry.name.startswith(OURS)]


def add_nnunet(site: Path) -> None:
    """nnU-Net as a wheel leaves it, in a folder of packages."""
    installed = Path(nnunetv2.__file__).parent
    shutil.copytree(installed, site / "nnunetv2", ignore=shutil.ignore_patterns("muduo", "__pycache__"))
    for record in installed.parent.glob("nnunetv2-*.dist-info"):
        shutil.copytree(record, site / record.name)


def nnunet_checkout(folder: Path) -> Path:
    """nnU-Net as a checkout that can be installed with -e."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("muduo", "__pycache__")
    shutil.copytree(Path(nnunetv2.__file__).parent, folder / "nnunetv2", ignore=ignored)
    (folder / "setup.py").write_text(
        "from setuptools import find_packages, setup\n"
        "setup(name='nnunetv2', version='2.8.1', packages=find_packages(include=['nnunetv2', 'nnunetv2.*']))\n"
    )
    return folder


def files_below(folder: Path) -> set[str]:
    """Names of all files, links not followed and without what Python compiles."""
    files = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        files |= {os.path.relpath(os.path.join(place, name), folder) for name in names}
    return files
