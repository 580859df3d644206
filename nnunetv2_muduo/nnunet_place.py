"""Where nnU-Net is installed, and whether another folder of its name hides it. Imports nothing of nnU-Net."""

import importlib.util
import sys
from pathlib import Path


def what_is_wrong() -> str:
    """Why nnU-Net can't be imported, and what to do; empty where it can.

    A folder called nnunetv2 without __init__.py comes from a package that puts files into nnU-Net's. Beside a nnU-Net that is
    installed with `pip install -e`, Python takes it for a namespace package, and every command of nnU-Net ends with "No module
    named 'nnunetv2...'".
    """
    try:
        spec = importlib.util.find_spec("nnunetv2")
    except ValueError:  # somebody has put a stand-in there
        return ""
    if spec is None:
        return f"nnU-Net is not installed in this Python: {sys.executable} -m pip install nnunetv2."
    if spec.origin is not None:
        return ""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    cause = f"{' and '.join(map(str, folders))} has no __init__.py and hides nnU-Net, whose own trainers fail as well."
    return f"{cause} {_cure(_owners(folders))}"


def _cure(owners: list[str]) -> str:
    if owners == ["nnunetv2_muduo"]:
        return "An old nnunetv2_muduo put it there: pip uninstall nnunetv2_muduo, then install this version."
    if owners:
        return f"It belongs to {' and '.join(owners)}: pip uninstall {' '.join(owners)}."
    return "No installed package owns it: remove the folder. If nnU-Net is missing then: pip install nnunetv2."


def _owners(folders: list[Path]) -> list[str]:
    """Names of the installed packages that have files in these folders."""
    import importlib.metadata  # takes longer than all else that importing the package needs

    names = set()
    for package in importlib.metadata.distributions():
        files = [file for file in package.files or () if file.parts[:1] == ("nnunetv2",)]
        if any(folder in Path(str(package.locate_file(file))).parents for file in files for folder in folders):
            names.add(package.name)
    return sorted(names)
