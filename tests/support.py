"""What tests of several folders use: writing a tiny PET/CT data set, and building trainers on it."""

import importlib.util
import json
import math
import multiprocessing
import multiprocessing.pool
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
import yaml

import nnunetv2_muduo
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.small import SMALL_CONFIG

DATASET = "Dataset001_Tiny"
LABELS = {"background": 0, "liver": 1, "spleen": 2}
COARSE_CONFIG = replace(SMALL_CONFIG, image_size=32, patch_size=8, window_size=4, mask_channels=64)
"""A small teacher whose masks are coarser than its image, as the public ones' are and the package's own are not."""
NEEDS_TRANSFORMERS = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the extra [cfr] is not installed"
)
QUICK_CONFIG = {
    "ct_teacher": "small",
    "pet_teacher": "small",
    "num_epochs": 2,
    "num_iterations_per_epoch": 2,
    "ramp_up_epochs": 1,
}


def seed_everything() -> None:
    """As a new process would start, always alike."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def set_nnunet_folders(monkeypatch, root: Path) -> None:
    """Point nnU-Net at root/{raw,pre,res} and at our trainers, with loaders in the process itself."""
    for variable, folder in [("raw", "raw"), ("preprocessed", "pre"), ("results", "res")]:
        (root / folder).mkdir(exist_ok=True)
        monkeypatch.setenv(f"nnUNet_{variable}", str(root / folder))
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setenv("nnUNet_extTrainer", str(Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"))
    monkeypatch.setenv("nnUNet_def_n_proc", "1")


def write_config(monkeypatch, folder: Path, **values) -> None:
    """Set `nnUNet_muduo_config` to a file with the quick config and the given values."""
    path = folder / "muduo.yaml"
    path.write_text(yaml.safe_dump({name: v for name, v in {**QUICK_CONFIG, **values}.items() if v is not None}))
    monkeypatch.setenv("nnUNet_muduo_config", str(path))


def make_case(
    seed: int, shape_zyx=(34, 36, 33), spacing_xyz=(4.0, 4.0, 4.0)
) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """CT in HU, PET in SUV and labels of two bright balls in a noisy body, on one grid."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape_zyx], indexing="ij"))
    labels = np.zeros(shape_zyx, np.uint8)
    for label, center in [(1, (17, 12, 12)), (2, (17, 24, 22))]:
        center = np.array(center)[:, None, None, None] + rng.integers(-3, 4, (3, 1, 1, 1))
        labels[((grid - center) ** 2).sum(0) < rng.integers(25, 50)] = label
    ct_hu = rng.normal(-200, 50, shape_zyx) + 150.0 * labels
    pet_suv = np.abs(rng.normal(1, 0.2, shape_zyx)) + np.array([0, 3.0, 5.0])[labels]
    images = []
    for array in (np.round(ct_hu).astype(np.float32), pet_suv.astype(np.float32), labels):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing_xyz)
        images.append(image)
    return tuple(images)


def write_raw_dataset(folder: Path, n_labeled: int = 5, n_unlabeled: int = 4) -> None:
    """nnU-Net raw data set with `imagesUn`; the last unlabeled cases have another spacing and shape."""
    for name in ("imagesTr", "labelsTr", "imagesUn"):
        (folder / name).mkdir(parents=True)
    for i in range(n_labeled):
        write_case(folder, "imagesTr", f"labeled_{i}", make_case(i), with_label=True)
    for i in range(n_unlabeled):
        other = i >= n_unlabeled // 2
        grid = {"shape_zyx": (27, 30, 33), "spacing_xyz": (4.0, 5.0, 5.5)} if other else {}
        write_case(folder, "imagesUn", f"unlabeled_{i}", make_case(100 + i, **grid))
    content = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": LABELS,
        "numTraining": n_labeled,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))


def write_case(folder: Path, images: str, case: str, case_images, with_label: bool = False) -> None:
    """Write the channels, and the label map if wanted, of one case."""
    ct, pet, labels = case_images
    sitk.WriteImage(ct, str(folder / images / f"{case}_0000.nii.gz"))
    sitk.WriteImage(pet, str(folder / images / f"{case}_0001.nii.gz"))
    if with_label:
        sitk.WriteImage(labels, str(folder / "labelsTr" / f"{case}.nii.gz"))


def shear(path: Path) -> None:
    """Tilt the axes as a tilted gantry does, which ITK does not read and nibabel does."""
    image = nibabel.load(path)
    affine = image.affine.copy()
    affine[1, 2] += 0.2 * affine[2, 2]
    sheared = nibabel.Nifti1Image(np.asarray(image.dataobj), affine)
    sheared.set_sform(affine, 1)
    sheared.set_qform(affine, 0)
    nibabel.save(sheared, path)


def plan_and_preprocess(dataset_id: int) -> None:
    """nnU-Net's own fingerprint, plans and preprocessing of 3d_fullres."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess

    extract_fingerprints([dataset_id], num_processes=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("nnUNet_n_proc_DA", "1")  # nnU-Net's planner sets this many threads and refuses none
        plan_experiments([dataset_id])
    _narrow_network(Path(os.environ["nnUNet_preprocessed"]) / DATASET / "nnUNetPlans.json")
    preprocess([dataset_id], configurations=("3d_fullres",), num_processes=(1,))


def _narrow_network(plans_file: Path) -> None:
    """A quarter of the planned features, so that a step takes a fraction of a second."""
    plans = json.loads(plans_file.read_text())
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [n // 4 for n in kwargs["features_per_stage"]]
    plans_file.write_text(json.dumps(plans))


def copy_prepared_for(names: list[str], prepared_root: Path, target: Path, **config) -> Path:
    """A copy of a prepared tiny data set with what some more trainers prepare, by a config of their own."""
    root = shutil.copytree(prepared_root, target)
    with pytest.MonkeyPatch.context() as patch:
        set_nnunet_folders(patch, root)
        use_threads(patch)
        write_config(patch, root, **config)
        for name in names:
            prepare_tiny(name)
    return root


def nnunets_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and soft Dice of each patch's organs, as nnU-Net's loss has them."""
    log_probs = logits.log_softmax(1)
    ce = -log_probs.gather(1, labels.long()).mean()
    probs, onehot = log_probs.exp(), torch.zeros_like(logits).scatter_(1, labels.long(), 1.0)
    overlap, size = (probs * onehot).sum((2, 3, 4)), (probs + onehot).sum((2, 3, 4))
    return ce - ((2 * overlap + 1e-5) / (size + 1e-5).clip(1e-8))[:, 1:].mean()


def make_trainer(name: str = "nnUNetTrainerMuDuo", fold=0, continue_training: bool = False):
    """A trainer of the tiny data set on the CPU, as nnUNetv2_train builds it."""
    from batchgenerators.utilities.file_and_folder_operations import join, load_json
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from nnunetv2_muduo import trainers

    folder = join(os.environ["nnUNet_preprocessed"], DATASET)
    plans = {**load_json(join(folder, "nnUNetPlans.json")), "continue_training": continue_training}
    trainer_class = nnUNetTrainer if name == "nnUNetTrainer" else getattr(trainers, name)
    dataset_json = load_json(join(folder, "dataset.json"))
    return trainer_class(plans, "3d_fullres", fold, dataset_json, torch.device("cpu"))


def weights_of(network) -> dict:
    """A copy of a network's weights by name."""
    return {name: weights.clone() for name, weights in network.state_dict().items()}


def train_epochs(name: str, n_epochs: int, continue_training: bool = False):
    """A trainer after some epochs of two steps and one validation batch, begun as a new process would, or gone on with `--c`."""
    seed_everything()
    trainer = make_trainer(name, continue_training=continue_training)
    if continue_training:
        trainer.load_checkpoint(f"{trainer.output_folder}/checkpoint_latest.pth")
    trainer.save_every = 1
    trainer.on_train_start()
    for _ in range(trainer.current_epoch, n_epochs):
        trainer.on_epoch_start()
        trainer.on_train_epoch_start()
        trainer.on_train_epoch_end([trainer.train_step(next(trainer.dataloader_train)) for _ in range(2)])
        with torch.no_grad():
            trainer.on_validation_epoch_start()
            trainer.on_validation_epoch_end([trainer.validation_step(next(trainer.dataloader_val))])
        trainer.on_epoch_end()
    return trainer


def untrained_model(trainer_name: str = "nnUNetTrainerMuDuo") -> Path:
    """Results folder of a model with random weights, the same in every run, as a training leaves it."""
    seed_everything()
    trainer = make_trainer(trainer_name)
    trainer.initialize()
    trainer.inference_allowed_mirroring_axes = (0, 2)
    folder = Path(trainer.output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    trainer.save_checkpoint(str(folder / "checkpoint_final.pth"))
    (folder.parent / "plans.json").write_text(json.dumps(trainer.plans_manager.plans))
    (folder.parent / "dataset.json").write_text(json.dumps(trainer.dataset_json))
    (folder / "progress.png").write_bytes(b"a picture")
    return folder.parent


def started_trainer(name: str = "nnUNetTrainerMuDuo"):
    """A trainer of the tiny data set, which has been prepared, before its first epoch."""
    trainer = make_trainer(name)
    trainer.on_train_start()
    return trainer


def started_epoch(name: str = "nnUNetTrainerMuDuo"):
    """A trainer of the tiny data set, which has been prepared, seeded and before its first step."""
    seed_everything()
    trainer = started_trainer(name)
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    return trainer


def log_of(trainer) -> str:
    """What a trainer has logged."""
    return open(trainer.log_file, encoding="utf-8").read()


def missing() -> list[str]:
    """What a MuDuo training of the tiny data set still needs, in words."""
    from nnunetv2_muduo.trainers.requirements import Preparation

    trainer = make_trainer()
    trainer.initialize()
    return Preparation(trainer, trainer.prompt_generator).missing()


def generator_folders(root: Path, fold: str = "0") -> list[Path]:
    """Results folders of the prompt generators of a fold, the one that was begun first in front.

    One without a checkpoint holds the log of a trainer that another test built, and no generator.
    """
    models = (root / "res" / DATASET).glob("nnUNetTrainerMuDuoPromptGenerator*__nnUNetPlans__3d_fullres")
    folders = [model / f"fold_{fold}" for model in models if any((model / f"fold_{fold}").glob("checkpoint_*.pth"))]
    return sorted(folders, key=lambda folder: min(file.stat().st_mtime_ns for file in folder.glob("training_log*")))


def prepare_tiny(trainer: str = "nnUNetTrainerMuDuo", fold: str = "0") -> None:
    """`muduo prepare` of the tiny data set, in this process."""
    from nnunetv2_muduo.trainers.preparations import Training
    from nnunetv2_muduo.trainers.prepare import prepare

    prepare(Training("1", "3d_fullres", fold, "nnUNetPlans", trainer, torch.device("cpu")), n_processes=1)


def use_threads(monkeypatch) -> None:
    """Make nnU-Net's process pools, each worker of which takes seconds to import it, threads of this process."""
    real_context = multiprocessing.get_context

    class ThreadContext:
        Pool = multiprocessing.pool.ThreadPool

        def __getattr__(self, name):
            return getattr(real_context("spawn"), name)

    monkeypatch.setattr(multiprocessing, "get_context", lambda method=None: ThreadContext())


def build_small_teacher(seed: int) -> Sam3DTeacher:
    """Untrained teacher for patches of 32^3 voxels with masks of 16^3, the same for the same seed.

    Its answers depend on image, points and mask, but mean nothing.
    """
    teacher = Sam3DTeacher(COARSE_CONFIG)
    initialize(teacher, torch.Generator().manual_seed(seed))
    return teacher


def initialize(teacher: Sam3DTeacher, generator: torch.Generator) -> None:
    """Draw all weights anew, in place."""
    for name, tensor in sorted(teacher.state_dict().items()):
        tensor.copy_(_initial(name, tensor.shape, generator))


def _initial(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Values that keep activations near unit variance."""
    values = torch.randn(shape, generator=generator)
    if name.endswith(("gaussian_matrix", "token.weight", "tokens.weight")):
        return values
    if "rel_pos" in name or ("embed" in name and "patch_embed" not in name):
        return 0.3 * values
    if len(shape) == 1:
        return 0.1 * values + float(name.endswith("weight"))  # biases about 0, scales of norms about 1
    return values / math.sqrt(shape[1:].numel())
