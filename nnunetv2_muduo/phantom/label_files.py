"""Label maps of a folder, and the meaning of their values."""

from pathlib import Path

import numpy as np

from nnunetv2_muduo.conversion.label_names import AUTOPET3, LabelScheme, guess_scheme, read_scheme
from nnunetv2_muduo.imageio.image_files import is_of_macos
from nnunetv2_muduo.imageio.images import read_labels
from nnunetv2_muduo.imageio.nifti import is_nifti, nifti_stem

_N_LOOKED_AT = 3  # maps whose values are looked at where nothing names them


def find_label_files(folder: str | Path) -> list[Path]:
    """NIfTI files of a folder, or of `labelsTr` in it, sorted by name. Raises FileNotFoundError where there are none."""
    folder = Path(folder)
    place = folder / "labelsTr" if (folder / "labelsTr").is_dir() else folder
    files = sorted(path for path in place.glob("*") if is_nifti(path.name) and not is_of_macos(path.name))
    if not files:
        raise FileNotFoundError(f"no label maps (.nii.gz) in {place}; give the folder that holds them")
    return files


def find_organ_values(label_files: list[Path], names_file: str | Path | None = None) -> dict[str, int]:
    """Values of the organs: {"background": 0, "liver": 1, ...}.

    Read from `names_file`, else from labels.json or dataset.json beside the maps or one folder higher. Without any, the
    maps of AutoPET III are known by their names and values.

    Raises FileNotFoundError where `names_file` is missing, ValueError where nothing names the organs.
    """
    if names_file is not None and not Path(names_file).is_file():
        raise FileNotFoundError(f"no file {names_file}; --labels wants a labels.json or dataset.json")
    folders = label_files[0].parent, label_files[0].parent.parent
    candidates = [folder / name for folder in folders for name in ("labels.json", "dataset.json")]
    found = names_file or next((path for path in candidates if path.is_file()), None)
    scheme = read_scheme(Path(found)) if found else _autopet3_scheme(label_files)
    return {scheme.name_of(value): value for value in scheme.value_map}


def _autopet3_scheme(label_files: list[Path]) -> LabelScheme:
    maps = [read_labels(path) for path in label_files[:_N_LOOKED_AT]]
    values = [{*np.unique(labels).tolist()} for labels in maps]
    try:
        known = guess_scheme([nifti_stem(path.name) for path in label_files], values) is AUTOPET3
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            f"nothing says what the values in {label_files[0].parent} mean. Put a labels.json beside the maps "
            '({"background": 0, "liver": 1, ...}), or name one with --labels.'
        )
    return AUTOPET3
