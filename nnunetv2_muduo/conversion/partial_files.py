"""Place where files of a converted data set are written before they get their names."""

import os
from pathlib import Path

PARTIAL_FOLDER = ".muduo_partial"


def partial_file(dataset: Path, relative: str) -> Path:
    """Where a file of the dataset is written: in a folder that nnU-Net doesn't see, with the ending that SimpleITK goes by."""
    folder = dataset / PARTIAL_FOLDER
    folder.mkdir(exist_ok=True)
    return folder / f"{os.getpid()}_{relative.replace('/', '_')}"
