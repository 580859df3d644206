"""`muduo prepare --list` and `--clean`: what is prepared for a data set, and removing what no training uses."""

import sys
from pathlib import Path

from nnunetv2_muduo.data.inventory import Prepared, inventory, size


def show_prepared(dataset: str) -> int:
    """Print every generator, set of prompt maps and set of prepared cases of a data set, with who uses it."""
    found = inventory(*_folders(dataset))
    for prepared in found:
        users = ", ".join(prepared.users) or "no training uses it"
        print(f"{prepared.kind}: {prepared.what}\n  {size(prepared.n_bytes)} in {prepared.folder}\n  used by: {users}")
    print(f"{len(found)} in all, {size(sum(prepared.n_bytes for prepared in found))}.")
    return 0


def clean_prepared(dataset: str, yes: bool) -> int:
    """Remove what no finished or resumable training uses, when it has been said and agreed to.

    Returns:
        1 where nobody could agree, 0 otherwise.
    """
    results, preprocessed = _folders(dataset)
    unused = [prepared for prepared in inventory(results, preprocessed) if not prepared.users]
    if not unused:
        print("Nothing to remove: trainings use everything that is prepared.")
        return 0
    print(f"No finished, resumable or running training in {results} uses:")
    for prepared in unused:
        print(f"  {prepared.kind}: {prepared.what}, {size(prepared.n_bytes)} in {prepared.folder}")
    total = size(sum(prepared.n_bytes for prepared in unused))
    if not yes and not sys.stdin.isatty():
        print(f"Nothing was removed, since nobody can be asked here. --yes removes these {total}.")
        return 1
    if not yes and input(f"Remove these {total}? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was removed.")
        return 0
    return _remove(unused, results, preprocessed, total)


def _remove(unused: list[Prepared], results: Path, preprocessed: Path, total: str) -> int:
    """Remove them, but for what has found a user since it was listed."""
    still = {prepared.folder for prepared in inventory(results, preprocessed) if not prepared.users}
    for prepared in unused:
        if prepared.folder in still:
            prepared.remove()
        else:
            print(f"Kept, since a training uses it now: {prepared.folder}")
    print(f"Removed {total}.")
    return 0


def _folders(dataset: str) -> tuple[Path, Path]:
    """The data set's folders among nnU-Net's results and preprocessed data.

    Raises:
        FileNotFoundError: nnU-Net's folders are not there, so that it can't be known who uses what.
    """
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_results

    for name, folder in (("nnUNet_results", nnUNet_results.get()), ("nnUNet_preprocessed", nnUNet_preprocessed.get())):
        if not folder or not Path(folder).is_dir():
            raise FileNotFoundError(
                f"{name} is {folder or 'not set'}: without this folder nobody knows what trainings use."
            )
    return Path(nnUNet_results.get(), dataset), Path(nnUNet_preprocessed.get(), dataset)
