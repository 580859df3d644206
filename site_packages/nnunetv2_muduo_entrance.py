"""Where nnU-Net learns of our trainers: installed beside the package, not in it, with a .pth file that starts it.

Python runs the .pth file when it starts. From then on a finder waits for the import of `nnunetv2.paths`, finds nothing itself,
and adds our folder to `nnUNet_extTrainer`, nnU-Net's own variable for other people's trainers, before nnU-Net reads it. A Python
that never imports nnU-Net is left as it was, and so is every file and module of nnU-Net, wherever it is installed.

This is no part of the package, because importing the package at start would hide a checkout that comes first on sys.path later.
"""

import sys


class _Waiting:
    is_over = False

    def find_spec(self, name, path=None, target=None):
        """None for every module, so that Python's other finders are asked; the first part of nnU-Net ends the waiting."""
        if name == "nnunetv2.paths" and not self.is_over:
            self.is_over = True  # and it stays in the list, which Python is going through
            try:
                add_trainers()
            except Exception as error:  # nnU-Net goes on without us
                print(f"nnunetv2_muduo: {error}", file=sys.stderr)


def wait_for_nnunet() -> None:
    """Add the folder as soon as nnU-Net is imported, and not before."""
    if not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def add_trainers() -> None:
    """Put the folder of our trainers last in nnUNet_extTrainer, unless it is named there already.

    nnU-Net takes the first trainer of a name: one that a user has named a folder for wins over ours.
    """
    import importlib.util
    import os

    package = importlib.util.find_spec("nnunetv2_muduo")
    if package is None or not package.submodule_search_locations:
        return
    folder = os.path.join(next(iter(package.submodule_search_locations)), "nnunet_plugin")
    named = [place for place in os.environ.get("nnUNet_extTrainer", "").split(os.pathsep) if place]
    if os.path.isdir(folder) and folder not in named:
        os.environ["nnUNet_extTrainer"] = os.pathsep.join([*named, folder])
