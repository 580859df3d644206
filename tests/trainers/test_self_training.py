"""Self-training: its loss by hand, its generations and where their labels come from."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support import DATASET, log_of, make_trainer, nnunets_loss, prepare_tiny, seed_everything, weights_of, write_config

from nnunetv2_muduo import trainers
from nnunetv2_muduo.data.prompt_maps import read_made_by
from nnunetv2_muduo.data.unlabeled_dataset import load_prompt_map
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches

NAME = "nnUNetTrainerSelfTraining"
CONFIG = {"patch_size": 24, "num_epochs": 3}


def checkpoint(folder, name="checkpoint_final.pth"):
    return torch.load(folder / name, weights_only=False)


def folder_of(root, generation):
    (model,) = (root / "res" / DATASET).glob(f"{NAME}_Generation{generation}-*")
    return model / "fold_0"


def maps_of(root, generation):
    prepared = root / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled" / "prompt_maps"
    (folder,) = prepared.glob(f"{NAME}_Generation{generation}__*")
    return folder


def own_state(folder):
    return checkpoint(folder)["init_args"]["muduo"]


def trained_as(monkeypatch):
    """Names of the trainers whose trainings begin from now on."""
    began, run = [], trainers.nnUNetTrainerSelfTraining_Generation0.run_training
    for generation in range(3):
        monkeypatch.setattr(
            getattr(trainers, f"{NAME}_Generation{generation}"),
            "run_training",
            lambda self: began.append(type(self).__name__) or run(self),
        )
    return began


def test_loss_is_nnunets_against_the_kept_labels(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG)
    trainer = make_trainer(NAME)
    trainer.initialize()
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, 8, generator=generator, requires_grad=True)
    labels = torch.randint(0, 3, (2, 1, 8, 8, 8), generator=generator, dtype=torch.int16)
    loss, measures = trainer.unlabeled_loss(logits, UnlabeledPatches(torch.zeros(2, 2, 8, 8, 8), {}, labels))
    assert loss.item() == pytest.approx(nnunets_loss(logits, labels).item(), abs=1e-5)
    assert measures["disagreement"] == pytest.approx(float((logits.argmax(1) != labels[:, 0]).float().mean()))
    loss.backward()
    assert logits.grad.abs().sum() > 0


def test_each_generation_learns_from_the_one_before_and_is_kept(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, generations=2, dropped_share=0.3, **CONFIG)
    began = trained_as(monkeypatch)
    prepare_tiny(NAME)
    assert began == [f"{NAME}_Generation0", f"{NAME}_Generation1"]
    first, second = own_state(folder_of(prepared_dataset, 0)), own_state(folder_of(prepared_dataset, 1))
    assert "prompt_generator" not in first
    assert second["prompt_generator"]["id"] == first["generator_id"]
    for generation, state in enumerate((first, second)):
        maps = maps_of(prepared_dataset, generation)
        assert read_made_by(maps)["id"] == state["generator_id"]
        assert len(list(maps.glob("*.b2nd"))) == 4
    seed_everything()
    student = make_trainer(NAME)
    student.on_train_start()
    assert student.muduo_state()["prompt_generator"]["id"] == second["generator_id"]
    assert "Left out, the 1 cases" in log_of(student)
    stability = {
        f"unlabeled_{i}": record(maps_of(prepared_dataset, 1), f"unlabeled_{i}")["stability"] for i in range(4)
    }
    worst = min(stability, key=lambda case: (stability[case], case))
    assert set(student.dataloader_unlabeled.iterator.indices) == stability.keys() - {worst}
    prepare_tiny(NAME)
    write_config(monkeypatch, tmp_path, generations=1, **CONFIG)
    prepare_tiny(NAME)
    assert len(began) == 2  # one generation needs no more than is there


def record(folder, case):
    return json.loads((folder / f"{case}.json").read_text())


def test_labels_and_stability_are_those_of_two_moments(prepared_dataset, tmp_path, monkeypatch):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from nnunetv2_muduo.data.label_stability import stability
    from nnunetv2_muduo.data.small_components import organs_in_few_components, remove_small_components
    from nnunetv2_muduo.data.unlabeled_dataset import load_views
    from nnunetv2_muduo.trainers.requirements import labeled_cases

    write_config(monkeypatch, tmp_path, **CONFIG)
    prepare_tiny(NAME)
    folder, maps = folder_of(prepared_dataset, 0), maps_of(prepared_dataset, 0)
    assert checkpoint(folder, "checkpoint_earlier.pth")["current_epoch"] == 2
    final, earlier = (checkpoint(folder, f"checkpoint_{name}.pth")["network_weights"] for name in ("final", "earlier"))
    assert any(not torch.equal(final[key], earlier[key]) for key in final)
    views = load_views(maps.parents[1], "unlabeled_0", physical=())
    image = torch.from_numpy(views[tuple(slice(0, n) for n in views.shape)])
    labeled = labeled_cases(make_trainer_initialized())
    few = organs_in_few_components((labeled.load_case(case)[1][0] for case in labeled.identifiers), [1, 2])
    answers = []
    for name in ("checkpoint_final.pth", "checkpoint_earlier.pth"):
        predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder.parent), (0,), name)
        labels = predictor.predict_sliding_window_return_logits(image).argmax(0).numpy().astype(np.uint8)
        answers.append(remove_small_components(labels, few))
    np.testing.assert_array_equal(load_prompt_map(maps, "unlabeled_0")[0][:][0], answers[0])
    assert record(maps, "unlabeled_0")["stability"] == pytest.approx(stability(*answers, [1, 2]))


def make_trainer_initialized():
    trainer = make_trainer(NAME)
    trainer.initialize()
    return trainer


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"consistency_weight": 0.5}, [f"{NAME}_Generation1"]),
        ({"dropped_share": 0.5}, [f"{NAME}_Generation1"]),
        ({"student_channels": "pet"}, [f"{NAME}_Generation0", f"{NAME}_Generation1"]),
        ({"picture_every_epochs": 1}, []),
    ],
)
def test_another_choice_makes_the_generations_anew_that_it_concerns(
    prepared_dataset, tmp_path, monkeypatch, change, again
):
    config = {"patch_size": 24, "num_epochs": 1, "generations": 2}
    write_config(monkeypatch, tmp_path, **config)
    prepare_tiny(NAME)
    began = trained_as(monkeypatch)
    write_config(monkeypatch, tmp_path, **config, **change)
    prepare_tiny(NAME)
    assert began == again


def test_a_labeling_training_that_was_killed_goes_on_and_has_its_earlier_moment(
    prepared_dataset, tmp_path, monkeypatch
):
    write_config(monkeypatch, tmp_path, **CONFIG)
    prepare_tiny(NAME)
    folder = folder_of(prepared_dataset, 0)
    content = checkpoint(folder, "checkpoint_earlier.pth")
    for values in content["logging"].values():
        del values[1:]
    torch.save({**content, "current_epoch": 1}, folder / "checkpoint_latest.pth")
    for name in ("final", "earlier"):
        (folder / f"checkpoint_{name}.pth").unlink()
    prepare_tiny(NAME)
    assert checkpoint(folder, "checkpoint_earlier.pth")["current_epoch"] == 2
    assert checkpoint(folder)["current_epoch"] == 3


def test_a_student_starts_from_weights_of_its_own(prepared_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, **CONFIG)
    prepare_tiny(NAME)
    seed_everything()
    student = make_trainer(NAME)
    student.on_train_start()
    seed_everything()
    supervised = make_trainer("nnUNetTrainerMuDuo_Supervised")
    supervised.on_train_start()
    for name, weights in weights_of(student.network).items():
        assert torch.equal(weights, weights_of(supervised.network)[name])


def test_generations_are_bounded(tmp_path, monkeypatch, prepared_dataset):
    write_config(monkeypatch, tmp_path, generations=4)
    with pytest.raises(ValueError, match="generations must be above 0 and at most 3, got 4"):
        make_trainer(NAME).initialize()


def test_list_names_generations_and_their_users(prepared_dataset, tmp_path, monkeypatch, capsys):
    from nnunetv2_muduo.cli.prepared import show_prepared

    write_config(monkeypatch, tmp_path, generations=2, patch_size=24, num_epochs=1)
    prepare_tiny(NAME)
    capsys.readouterr()
    show_prepared(DATASET)
    said = capsys.readouterr().out
    generator = said[said.index(str(folder_of(prepared_dataset, 0))) :].splitlines()[1]
    maps = said[said.index(str(maps_of(prepared_dataset, 0))) :].splitlines()[1]
    for users in (generator, maps):
        assert f"used by: {folder_of(prepared_dataset, 1).parent.name}/fold_0" in users
    assert Path(folder_of(prepared_dataset, 1), "muduo_prompt_generator.json").is_file()
