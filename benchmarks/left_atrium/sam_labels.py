"""How good the labels are that CFR's fine-tuned SAM gives unlabeled crops: Dice against labels that no training has seen.

    python -m benchmarks.left_atrium.sam_labels FOLDER --labels 1 8

Random crops of the training's patch from the last 30 training cases, intensities normalized as nnU-Net does, for every CFR row in
FOLDER, the working folder of `benchmarks.left_atrium`. Beside it, which share of the left atrium in them the SAM sees.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor

from benchmarks.left_atrium.dataset import DATASET, DEVELOPMENT
from benchmarks.left_atrium.size import Size
from nnunetv2_muduo.imageio.images import read_image, read_labels
from nnunetv2_muduo.teacher_training.train2d.training import FINAL
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned
from nnunetv2_muduo.teachers.sam2d.labeling import label_crops

N_CROPS = 4
"""Of each case."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="working folder of `benchmarks.left_atrium`")
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 8], help="numbers of labeled cases")
    args = parser.parse_args()
    for n in args.labels:
        folder = args.folder / f"labels_{n}"
        for file in sorted((folder / "results").glob(f"CFR*/*/*/*/{FINAL}")):
            row = file.relative_to(folder / "results").parts[0]
            print(f"{n} labels, {row}: {quality(file, crops_of(folder / 'raw' / DATASET))}", flush=True)


def quality(sam_file: Path, crops: Iterator[tuple[Tensor, Tensor]]) -> str:
    """Dice and recall of all voxels of the crops taken together."""
    made = read_fine_tuned(sam_file)
    network, axis = made.network(), made.made_from["seen"]["axis"]
    in_both = seen = there = 0
    for image, truth in crops:
        labels = label_crops(network, image, axis) > 0
        in_both, seen, there = in_both + int((labels & truth).sum()), seen + int(labels.sum()), there + int(truth.sum())
    return (
        f"Dice of the SAM's labels {2 * in_both / (seen + there):.3f}, it sees {in_both / there:.0%} of the left atrium"
    )


def crops_of(raw: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Normalized crops [1, 1, a, b, c] and where the left atrium is in them, the same in every call."""
    rng, size = np.random.default_rng(0), Size().patch_size
    for label_file in sorted((raw / f"labels{DEVELOPMENT}").iterdir()):
        image_file = raw / f"images{DEVELOPMENT}" / label_file.name.replace(".nii.gz", "_0000.nii.gz")
        image = sitk.GetArrayFromImage(read_image(image_file)).astype(np.float32)
        image, truth = (image - image.mean()) / image.std(), read_labels(label_file) > 0
        missing = [(0, max(edge - n, 0)) for n, edge in zip(image.shape, size, strict=True)]
        image, truth = np.pad(image, missing), np.pad(truth, missing)
        for _ in range(N_CROPS):
            start = [rng.integers(0, n - edge + 1) for n, edge in zip(image.shape, size, strict=True)]
            crop = tuple(slice(at, at + edge) for at, edge in zip(start, size, strict=True))
            yield torch.from_numpy(image[crop].copy())[None, None], torch.from_numpy(truth[crop].copy())[None, None]


if __name__ == "__main__":
    main()
