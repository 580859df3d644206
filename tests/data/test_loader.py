"""The unlabeled loader: what is augmented, what is drawn, and files that can't be read."""

import random
import shutil
import struct
from itertools import islice

import blosc2
import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.base.basic_transform import ImageOnlyTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.nnunet_masking import MaskImageTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from support import DATASET, make_trainer

from nnunetv2_muduo.data.loader import (
    IsolatedRandomness,
    UnlabeledLoader,
    augmentation_processes,
    resume_generator,
    shared_spatial_transforms,
)
from nnunetv2_muduo.data.prompt_maps import latest_prompt_maps
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.data.worker_status import TrackedDataset, WorkerStatus


class AddOne(ImageOnlyTransform):
    def _apply_to_image(self, img, **params):
        return img + 1


def test_spatial_transforms_move_both_views_and_intensities_change_the_students_alone():
    image, labels = torch.rand(4, 5, 6, 7), torch.randint(0, 3, (1, 5, 6, 7))
    transform = shared_spatial_transforms(ComposeTransforms([MirrorTransform((0, 1, 2)), AddOne()]))
    torch.manual_seed(1)
    out = transform(image=image.clone(), segmentation=labels.clone())
    torch.manual_seed(1)
    flipped = MirrorTransform((0, 1, 2))(image=image.clone(), segmentation=labels.clone())
    assert not torch.equal(flipped["image"], image)
    assert torch.equal(out["image"][:2], flipped["image"][:2] + 1)
    assert torch.equal(out["image"][2:], flipped["image"][2:])
    assert torch.equal(out["segmentation"], flipped["segmentation"])


def test_a_clean_view_moves_and_is_masked_as_the_students_but_keeps_its_intensities():
    image, labels = torch.rand(6, 5, 6, 7), torch.randint(-1, 3, (1, 5, 6, 7))
    image[4:] = image[:2]
    transforms = ComposeTransforms([MirrorTransform((0, 1, 2)), MaskImageTransform([1]), AddOne()])
    out = shared_spatial_transforms(transforms, 2, clean_view=True)(image=image.clone(), segmentation=labels.clone())
    assert torch.equal(out["image"][:2], out["image"][4:] + 1)
    outside = out["segmentation"][0] < 0
    assert outside.any()
    assert (out["image"][5][outside] == 0).all()
    assert (out["image"][2:5][:, outside] != 0).all()


@pytest.mark.parametrize("move", [Rot90Transform(1, (1,), {1, 2}), TransposeAxesTransform({0, 1, 2})])
def test_views_stay_on_each_other_whatever_nnunets_variants_do_to_axes(move):
    np.random.seed(1)  # noqa: NPY002
    view = torch.rand(1, 6, 6, 6)
    transform = shared_spatial_transforms(ComposeTransforms([RandomTransform(move, 1)]), n_channels=1)
    out = transform(image=torch.cat([view, view]), segmentation=(100 * view).to(torch.int16))
    assert not torch.equal(out["image"][:1], view)
    assert torch.equal(out["image"][0], out["image"][1])
    assert torch.equal(out["segmentation"], (100 * out["image"][:1]).to(torch.int16))


def draw():
    return np.random.random(), torch.rand(1).item(), random.random()  # noqa: NPY002


def generate():
    while True:
        yield draw()


def seed_all():
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    random.seed(0)


def test_an_isolated_iterator_changes_no_other_random_number():
    seed_all()
    expected = [draw() for _ in range(4)]
    seed_all()
    isolated = IsolatedRandomness(generate(), seed=5)
    mixed = []
    for _ in range(4):
        next(isolated)
        mixed.append(draw())
    assert mixed == expected


def test_an_isolated_iterator_is_reproducible_and_goes_on():
    first = IsolatedRandomness(generate(), seed=5)
    draws = [next(first) for _ in range(3)]
    draw()
    second = IsolatedRandomness(generate(), seed=5)
    assert [next(second) for _ in range(3)] == draws
    assert len(set(draws)) == 3


def test_processes_are_set_and_restored(monkeypatch):
    monkeypatch.setenv("nnUNet_n_proc_DA", "7")
    import os

    with augmentation_processes(3):
        assert os.environ["nnUNet_n_proc_DA"] == "3"
    assert os.environ["nnUNet_n_proc_DA"] == "7"


def unlabeled_loader(root, n_cases):
    """A loader of copies of the tiny data set's unlabeled cases."""
    folder = root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"
    maps = latest_prompt_maps(folder, "nnUNetTrainerMuDuoPromptGenerator", "fold_0")
    for i in range(4, n_cases):
        for file in [*folder.glob("unlabeled_0*"), *maps.glob("unlabeled_0*")]:
            shutil.copy(file, file.with_name(file.name.replace("unlabeled_0", f"unlabeled_{i}", 1)))
    trainer = make_trainer()
    trainer.initialize()
    cases = [f"unlabeled_{i}" for i in range(n_cases)]
    dataset = TrackedDataset(UnlabeledDataset(folder, maps, cases), WorkerStatus())
    return UnlabeledLoader(dataset, 4, (24,) * 3, (24,) * 3, trainer.label_manager), folder, maps


def damaged_files(folder, maps, case):
    return {"ct": folder / f"{case}_0000.b2nd", "map": maps / f"{case}.b2nd", "places": maps / f"{case}.npz"}


def cut(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("which", ["ct", "map", "places"])
def test_a_case_that_cannot_be_read_is_left_out_by_name(prepared_dataset, which, share):
    loader, folder, maps = unlabeled_loader(prepared_dataset, 20)
    cut(damaged_files(folder, maps, "unlabeled_7")[which], share)
    loader.indices = ["unlabeled_7", "unlabeled_8"]
    batches = [next(loader) for _ in range(3)]
    assert set(batches[-1]["keys"]) == {"unlabeled_8"}
    assert batches[-1]["damaged"].keys() == {"unlabeled_7"}
    assert damaged_files(folder, maps, "unlabeled_7")[which].name in batches[-1]["damaged"]["unlabeled_7"]


@pytest.mark.parametrize("which", ["ct", "map"])
def test_a_header_that_asks_for_any_memory_is_damage(prepared_dataset, which):
    loader, folder, maps = unlabeled_loader(prepared_dataset, 20)
    file = damaged_files(folder, maps, "unlabeled_7")[which]
    shape = [struct.pack(">q", n) for n in blosc2.open(str(file)).shape]
    content = file.read_bytes()
    assert content.count(b"\xd3".join(shape)) == 1  # as msgpack has them
    file.write_bytes(content.replace(b"\xd3".join(shape), b"\xd3".join([struct.pack(">q", 1 << 34), *shape[1:]])))
    loader.indices = ["unlabeled_7", "unlabeled_8"]
    batches = [next(loader) for _ in range(3)]
    assert batches[-1]["damaged"].keys() == {"unlabeled_7"}
    assert f"{file.name} can't be read" in batches[-1]["damaged"]["unlabeled_7"]


def test_more_than_five_percent_of_damaged_cases_end_the_training(prepared_dataset):
    loader, folder, maps = unlabeled_loader(prepared_dataset, 20)
    for case in ("unlabeled_7", "unlabeled_9"):
        damaged_files(folder, maps, case)["ct"].write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"2 of 20 unlabeled cases(.|\n)*unlabeled_[79]: (.|\n)*unlabeled_[79]: "):
        list(islice(loader, 100))


def test_a_state_of_another_device_is_left():
    generator = torch.Generator().manual_seed(3)
    own = generator.get_state()
    resume_generator(generator, torch.zeros(16, dtype=torch.uint8))  # as large as that of a GPU
    assert torch.equal(generator.get_state(), own)
    other = torch.Generator().manual_seed(4).get_state()
    resume_generator(generator, other)
    assert torch.equal(generator.get_state(), other)
