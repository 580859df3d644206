"""Changes of a row's data set between its commands, as users make them by hand."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import SimpleITK as sitk

from benchmarks.everyday.row import PREPROCESSED, RAW

Change = Callable[[Path], None]
CONFIG = """\
ct_teacher: small
pet_teacher: small
num_epochs: 2
num_iterations_per_epoch: 2
picture_every_epochs: 0
"""
OWN_TRAINERS = """\
import torch
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoMirroring import nnUNetTrainerNoMirroring
from nnunetv2_muduo.trainers import nnUNetTrainerMuDuo


class nnUNetTrainerOwnNumbers(nnUNetTrainerMuDuo):
    config_overrides = {"n_points": 1}

    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cuda")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 3
        self.num_iterations_per_epoch = 1
        self.initial_lr = 0.005


class nnUNetTrainerOwnNoMirroring(nnUNetTrainerNoMirroring, nnUNetTrainerMuDuo):
    pass
"""


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def edit_json(path: Path, **values) -> None:
    path.write_text(json.dumps(read_json(path) | values, indent=1), encoding="utf-8")


def write_settings(folder: Path) -> None:
    """The config, of small teachers and few iterations, and trainers of a user's own."""
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "own").mkdir()
    (folder / "own" / "own_trainers.py").write_text(OWN_TRAINERS, encoding="utf-8")


def leave_split_to_nnunet(folder: Path) -> None:
    """Five folds, as nnU-Net draws them."""
    (folder / PREPROCESSED / "splits_final.json").unlink(missing_ok=True)


def narrow(plans: str = "nnUNetPlans") -> Change:
    """Few features, so that a step takes a fraction of a second."""

    def change(folder: Path) -> None:
        path = folder / PREPROCESSED / f"{plans}.json"
        configurations = read_json(path)["configurations"]
        kwargs = configurations["3d_fullres"]["architecture"]["arch_kwargs"]
        kwargs["features_per_stage"] = [min(8 * 2**stage, 32) for stage in range(kwargs["n_stages"])]
        edit_json(path, configurations=configurations)

    return change


def add_configuration(name: str, **values) -> Change:
    """A configuration that inherits all else from 3d_fullres."""

    def change(folder: Path) -> None:
        path = folder / PREPROCESSED / "nnUNetPlans.json"
        inherited = {"inherits_from": "3d_fullres", **values}
        edit_json(path, configurations=read_json(path)["configurations"] | {name: inherited})

    return change


def keep_only_best(trainer_folder: str) -> Change:
    """What remains of a training of which somebody has cleared the disk."""
    return lambda folder: (folder / trainer_folder / "fold_0" / "checkpoint_final.pth").unlink()


def let_epochs_to_trainer(folder: Path) -> None:
    """A config that says nothing of epochs, iterations and learning rates."""
    lines = [line for line in CONFIG.splitlines() if not line.startswith("num_")]
    (folder / "config.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def only_tumor(folder: Path) -> None:
    """A single label (the liver's place), a labeled case without it, and one unlabeled case."""
    raw = folder / RAW
    labels = sorted((raw / "labelsTr").glob("*.nii.gz"))
    for path in labels:
        label_map = sitk.ReadImage(str(path))
        wanted = label_map == 1 if path != labels[0] else label_map > 255
        sitk.WriteImage(sitk.Cast(wanted, sitk.sitkUInt8), str(path))
    edit_json(raw / "dataset.json", labels={"background": 0, "tumor": 1})
    cases = sorted((raw / "imagesUn").glob("*_0000.nii.gz"))
    for path in cases[1:]:
        for channel in (0, 1):
            path.with_name(path.name.replace("_0000.", f"_{channel:04d}.")).unlink()


def ignore_label(folder: Path) -> None:
    """An ignore label: a slab of each label map, and all of the last one."""
    raw = folder / RAW
    labels = read_json(raw / "dataset.json")["labels"]
    ignored = max(labels.values()) + 1
    edit_json(raw / "dataset.json", labels=labels | {"ignore": ignored})
    paths = sorted((raw / "labelsTr").glob("*.nii.gz"))
    for path in paths:
        label_map = sitk.ReadImage(str(path))
        label_map[:, :, : label_map.GetDepth() if path == paths[-1] else 8] = ignored
        sitk.WriteImage(label_map, str(path))


def odd_shapes(folder: Path) -> None:
    """Unlabeled cases of one slice, one row, 6 x 7 x 8 voxels, thick slices, and of finer voxels than the labeled ones."""
    images = folder / RAW / "imagesUn"
    case = min(images.glob("*_0000.nii.gz")).name.removesuffix("_0000.nii.gz")
    for channel in (0, 1):
        image = sitk.ReadImage(str(images / f"{case}_{channel:04d}.nii.gz"))
        x, y, z = (n // 2 for n in image.GetSize())
        shapes = {
            "one_slice": image[:, :, z : z + 1],
            "one_row": image[:, y : y + 1, :],
            "few_voxels": image[x - 3 : x + 3, y - 3 : y + 4, z - 4 : z + 4],
            "thick_slices": _resampled(image, (6, 6, 30)),
            "fine": _resampled(image, (9, 9, 9)),
        }
        for name, shape in shapes.items():
            sitk.WriteImage(shape, str(images / f"odd_{name}_{channel:04d}.nii.gz"))


def _resampled(image: sitk.Image, spacing_mm: tuple[float, float, float]) -> sitk.Image:
    size = [
        max(1, int(n * old / new)) for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing_mm, strict=True)
    ]
    nothing = sitk.Transform()
    return sitk.Resample(
        image,
        size,
        nothing,
        sitk.sitkLinear,
        image.GetOrigin(),
        spacing_mm,
        image.GetDirection(),
        0.0,
        image.GetPixelID(),
    )


def truncated(file_ending: str) -> Change:
    """All images in another format, and the PET of one unlabeled case cut in half."""

    def change(folder: Path) -> None:
        images = folder / RAW / "imagesUn"
        old = read_json(folder / RAW / "dataset.json")["file_ending"]
        for path in sorted(images.glob(f"*{old}")):
            sitk.WriteImage(sitk.ReadImage(str(path)), str(images / f"{path.name.removesuffix(old)}{file_ending}"))
            if old != file_ending:
                path.unlink()
        for parent in (RAW, PREPROCESSED):
            edit_json(folder / parent / "dataset.json", file_ending=file_ending)
        pet = max(images.glob(f"*_0001{file_ending}"))
        os.truncate(pet, pet.stat().st_size // 2)

    return change


def many_unlabeled(n_cases: int) -> Change:
    """Further names of an unlabeled case, until there are n_cases."""

    def change(folder: Path) -> None:
        images = folder / RAW / "imagesUn"
        case = min(images.glob("*_0000.nii.gz")).name.removesuffix("_0000.nii.gz")
        for n in range(n_cases - len(list(images.glob("*_0000.nii.gz")))):
            for channel in (0, 1):
                os.link(images / f"{case}_{channel:04d}.nii.gz", images / f"many_{n:05d}_{channel:04d}.nii.gz")

    return change
