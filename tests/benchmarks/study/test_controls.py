"""Controls: what each of them changes, and nothing else."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from support import make_case

from benchmarks.study.rows import BY_NAME
from benchmarks.study.starts import config_in_place, make_trainer
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches

CPU = torch.device("cpu")


@pytest.fixture
def trainer_of(split):
    """A row's initialized trainer."""

    def build(name):
        row = BY_NAME[name]
        with config_in_place(split, row):
            trainer = make_trainer(split, row, CPU, "rows")
            trainer.initialize()
        return trainer

    return build


def test_the_map_is_the_label_of_every_pair_and_organs_weigh_alike(trainer_of):
    trainer, size = trainer_of("map_as_label"), 8
    organ_map = torch.zeros(2, 1, size, size, size, dtype=torch.int16)
    organ_map[0, 0, :4], organ_map[1, 0, :2], organ_map[1, 0, 4:6] = 1, 1, 2
    logits = torch.randn(2, 3, size, size, size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss, _ = trainer.unlabeled_loss(logits, UnlabeledPatches(logits, {}, organ_map))

    def dice_loss(sample, organ):
        p, y = logits.softmax(1)[sample, organ], organ_map[sample, 0] == organ
        return 1 - 2 * (p * y).sum() / (p.sum() + y.sum())

    expected = ((dice_loss(0, 1) + dice_loss(1, 1)) / 2 + dice_loss(1, 2)) / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-8)


def test_a_patch_without_organs_teaches_nothing(trainer_of):
    logits = torch.randn(2, 3, 8, 8, 8, requires_grad=True)
    empty = UnlabeledPatches(logits, {}, torch.zeros(2, 1, 8, 8, 8, dtype=torch.int16))
    loss, _ = trainer_of("map_as_label").unlabeled_loss(logits, empty)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (loss.item(), gradient.abs().max().item()) == (0, 0)


def test_pairs_are_chosen_by_chance_with_all_else_the_same(trainer_of):
    by_chance, muduo = trainer_of("random_choice"), trainer_of("muduo")
    logits = {
        m: torch.randn(5, 1, 6, 6, 6, generator=torch.Generator().manual_seed(i)) for i, m in enumerate(("ct", "pet"))
    }
    drawn = [by_chance.within_memory(agreement_of_logits, logits, (24, 24, 24)) for _ in range(2)]
    assert not torch.equal(*drawn)
    assert all(0 <= value <= 1 for value in torch.cat(drawn).tolist())
    assert not torch.equal(drawn[0], muduo.within_memory(agreement_of_logits, logits, (24, 24, 24)))
    assert by_chance.within_memory(lambda value, _chunk: value + 1, torch.ones(2)).tolist() == [2, 2]


def test_without_the_maps_points_the_map_says_only_which_organs(trainer_of, without_generator, monkeypatch):
    trainer = trainer_of("no_map_points")
    trainer.before_training()
    asked, decode = [], Sam3DTeacher.decode
    monkeypatch.setattr(Sam3DTeacher, "decode", lambda *args, **kwargs: asked.append(kwargs) or decode(*args, **kwargs))
    probs, organ_map = torch.rand(1, 3, 24, 24, 24).softmax(1), torch.zeros(1, 1, 24, 24, 24, dtype=torch.int16)
    organ_map[..., 4:8, 4:8, 4:8] = 1
    images = dict.fromkeys(("ct", "pet"), torch.randn(1, 1, 24, 24, 24))
    trainer.ensemble.predict(images, organ_map, probs, valid_pairs(organ_map, [1, 2]))
    assert [prompts["points"] for prompts in asked] == [None, None]
    torch.testing.assert_close(asked[0]["masks"], asked[1]["masks"])


def test_four_labeled_patches_are_drawn(trainer_of):
    trainer = trainer_of("four_labeled")
    trainer.on_train_start()
    assert len(next(trainer.dataloader_train)["data"]) == 4
    assert trainer.configuration_manager.batch_size == 2


def test_mild_augmentation_keeps_turns_brightness_and_contrast(trainer_of):
    trainer = trainer_of("augmented")
    transforms = trainer.get_training_transforms((24,) * 3, (-0.5, 0.5), None, (), False, use_mask_for_norm=[False] * 2)
    random = [type(t.transform).__name__ for t in transforms.transforms if isinstance(t, RandomTransform)]
    assert random == ["MultiplicativeBrightnessTransform", "ContrastTransform"]
    names = [type(t).__name__ for t in transforms.transforms]
    assert names[0] == "SpatialTransform"
    assert "MirrorTransform" not in names


def test_true_masks_stand_where_the_maps_did(trainer_of, without_generator, tmp_path):
    trainer, truths = trainer_of("true_masks"), {}
    for number, case in enumerate(UnlabeledDataset.get_identifiers(trainer.preparation.unlabeled_folder)):
        truths[case] = tmp_path / f"{case}.nii.gz"
        sitk.WriteImage(make_case(100 + number)[2], str(truths[case]))
    trainer.truth_files = truths
    trainer.before_training()
    case = trainer.unlabeled_cases[1]
    views, organ_map, _, properties = trainer.unlabeled_dataset().load_case(case)
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(truths[case])))
    assert np.array_equal(organ_map[:][0], truth.transpose(trainer.plans_manager.transpose_forward))
    assert views.shape[1:] == organ_map.shape[1:]
    for organ, places in properties["class_locations"].items():
        assert (organ_map[:][tuple(places.T)] == organ).all()
