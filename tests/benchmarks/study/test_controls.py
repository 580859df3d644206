"""Controls: what each of them changes, and nothing else."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from support import make_case

from benchmarks.study.controls import ChoiceByChance
from benchmarks.study.rows import BY_NAME
from benchmarks.study.starts import config_in_place, make_trainer
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.distillation.pair_filter import PairFilter
from nnunetv2_muduo.distillation.selection import Agreements
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


@pytest.fixture
def taught_trainer_of(trainer_of, without_generator):
    """The same, with whatever answers in it, but without a generator."""

    def build(name):
        trainer = trainer_of(name)
        trainer.before_training()
        return trainer

    return build


def test_the_map_is_the_label_of_every_pair_and_organs_weigh_alike(taught_trainer_of):
    trainer, size = taught_trainer_of("map_as_label"), 24
    organ_map = torch.zeros(2, 1, size, size, size, dtype=torch.int16)
    organ_map[0, 0, :4], organ_map[1, 0, :2], organ_map[1, 0, 4:6] = 1, 1, 2
    logits = torch.randn(2, 3, size, size, size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss, measures = trainer.unlabeled_loss(logits, UnlabeledPatches(logits, {}, organ_map))

    def dice_loss(sample, organ):
        p, y = logits.softmax(1)[sample, organ], organ_map[sample, 0] == organ
        return 1 - 2 * (p * y).sum() / (p.sum() + y.sum())

    expected = ((dice_loss(0, 1) + dice_loss(1, 1)) / 2 + dice_loss(1, 2)) / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-8)
    assert measures["n_kept"].tolist() == measures["n_valid"].tolist() == [2, 1]
    assert trainer.teacher_digests == {}, "a row without teachers stays done when these change"


def test_a_patch_without_organs_teaches_nothing(taught_trainer_of):
    logits = torch.randn(2, 3, 24, 24, 24, requires_grad=True)
    empty = UnlabeledPatches(logits, {}, torch.zeros(2, 1, 24, 24, 24, dtype=torch.int16))
    loss, _ = taught_trainer_of("map_as_label").unlabeled_loss(logits, empty)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (loss.item(), gradient.abs().max().item()) == (0, 0)


def test_with_the_average_the_map_is_mixed_as_teachers_are(taught_trainer_of):
    trainer = taught_trainer_of("map_and_average")
    trainer.current_epoch = trainer.num_epochs
    view, organ_map = torch.randn(1, 2, 24, 24, 24), torch.zeros(1, 1, 24, 24, 24, dtype=torch.int16)
    organ_map[..., 4:12, 4:12, 4:12] = 1
    answers = trainer.ask(UnlabeledPatches(view, {}, organ_map), torch.rand(1, 3, 24, 24, 24).softmax(1))
    mixture = trainer.mixture(answers, torch.rand(1))
    mixed = mixture.probs(slice(0, 1))
    share = trainer.muduo_config.average_share
    assert 0.5 < share < 1, "with less the label would always be the map"
    assert not torch.equal(mixture.labels(slice(0, 1)), organ_map[:, 0].bool())
    expected = share * trainer.average_probs(view)[:, 1] + (1 - share) * organ_map[:, 0]
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kept_pairs", ["best_half", "threshold", "best_half_of_memory"])
def test_as_many_pairs_of_an_organ_are_chosen_by_chance(kept_pairs):
    config = MuDuoConfig(kept_pairs=kept_pairs, pair_score="product", least_agreement=0.2, agreement_threshold=0.6)
    by_chance, muduo = (kind(config, 2, CPU) for kind in (ChoiceByChance, PairFilter))
    generator = torch.Generator().manual_seed(0)
    n_kept, n_same = torch.zeros(2, 2), 0
    for _ in range(600):
        values = torch.rand(3, 2, 2, generator=generator) * torch.tensor([1.0, 0.7])  # the second organ agrees less
        values[:, torch.rand(2, 2, generator=generator) < 0.2] = torch.nan
        measured = Agreements(*values)
        choices = [each.choose(measured) for each in (by_chance, muduo)]
        for each in (by_chance, muduo):
            each.remember(measured)
        assert not (choices[0] & measured.agreement.isnan()).any()
        n_kept += torch.stack([choice.sum(0) for choice in choices])
        n_same += int((choices[0] == choices[1]).sum())
    torch.testing.assert_close(n_kept[0], n_kept[1], rtol=0.1, atol=0)
    assert n_same < 0.75 * 600 * 4, "which ones is left to chance"
    assert torch.equal(by_chance.scores.nan_to_num(), muduo.scores.nan_to_num()), "the memory holds the true scores"


def test_chance_chooses_in_a_training(trainer_of):
    assert isinstance(trainer_of("random_choice").pair_filter, ChoiceByChance)


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
    assert [trainer.dataloader_train.data_loader.get_do_oversample(i) for i in range(4)] == [False, False, True, True]
    assert trainer.configuration_manager.batch_size == 2


@pytest.mark.parametrize("row", ["augmented", "muduo_augmented"])
def test_mild_augmentation_keeps_turns_brightness_and_contrast(trainer_of, row):
    trainer = trainer_of(row)
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
