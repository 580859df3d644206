"""Where rows start, and which patches they draw."""

from dataclasses import replace

import pytest
import torch

from benchmarks.study import starts
from benchmarks.study.rows import BY_NAME, SUPERVISED, SUPERVISED_TRAINER, Row
from benchmarks.study.starts import config_in_place, make_trainer, shared_network, start

CPU = torch.device("cpu")


def labeled_patches(split, row, seed_part):
    """The first labeled batches that a training draws."""
    with config_in_place(split, row):
        trainer = make_trainer(split, row, CPU, seed_part)
        trainer.on_train_start()
    return [next(trainer.dataloader_train)["data"].clone() for _ in range(3)]


def test_rows_draw_the_same_labeled_patches_and_others_than_the_network_before_them(split):
    supervised, taught = (labeled_patches(split, BY_NAME[name], "rows") for name in ("supervised", "mean_teacher"))
    shared = labeled_patches(split, Row("shared_all", "", SUPERVISED_TRAINER), "shared_all")
    assert all(torch.equal(a, b) for a, b in zip(supervised, taught, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(supervised, shared, strict=True))


@pytest.mark.parametrize("name", ["mean_teacher", "ua_mean_teacher", "cps", "sassnet", "semisam"])
def test_networks_start_from_shared_weights_and_second_ones_from_their_own(split, name):
    row = BY_NAME[name]
    with config_in_place(split, row):
        trainer = make_trainer(split, row, CPU, "rows")
        trainer.initialize()
        costs = start(trainer, split, row)
        trainer.before_training()
    of_all = shared_network(split, "all", CPU)["weights"]
    assert same(trainer.network.state_dict(), of_all)
    assert costs["steps"] == (4 if name == "cps" else 2)
    if name == "cps":
        second = shared_network(split, "second", CPU)["weights"]
        assert same(trainer.peer["network"].state_dict(), second)
        assert not same(second, of_all)
    elif name != "sassnet":
        assert same(trainer.mean_teacher.module.state_dict(), of_all)


def test_a_student_of_pet_starts_from_the_network_of_pet_and_one_from_scratch_from_none(split):
    for name in ("supervised_pet", "supervised_scratch"):
        row = BY_NAME[name]
        with config_in_place(split, row):
            trainer = make_trainer(split, row, CPU, "rows")
            trainer.initialize()
            initial = {key: value.clone() for key, value in trainer.network.state_dict().items()}
            start(trainer, split, row)
        assert same(trainer.network.state_dict(), initial) == (name == "supervised_scratch")
    assert {file.stem for file in split.own_folder.glob("shared_*.pth")} == {"shared_pet"}
    assert SUPERVISED.start == "all"


@pytest.mark.parametrize("n_shared_epochs", [1, 0])
def test_the_teachers_patients_are_a_start_also_where_rows_share_none(split, n_shared_epochs):
    split = replace(split, size=replace(split.size, n_shared_epochs=n_shared_epochs))
    split = replace(split, of_teachers=replace(split, n_labeled=3))
    row = BY_NAME["teachers_patients"]
    with config_in_place(split, row):
        trainer = make_trainer(split, row, CPU, "rows")
        trainer.initialize()
        costs = start(trainer, split, row)
    theirs = shared_network(split.of_teachers, "all", CPU)
    assert same(trainer.network.state_dict(), theirs["weights"])
    n_epochs = n_shared_epochs or split.size.n_epochs
    assert costs["steps"] == n_epochs * split.size.n_iterations_per_epoch
    assert not list(split.own_folder.glob("shared_*.pth"))


def test_teachers_patients_with_other_labels_are_no_start(split, monkeypatch):
    labels = iter([{"labels": {"background": 0, "liver": 1}}, {"labels": {"background": 0, "spleen": 1}}])
    monkeypatch.setattr(starts, "read_json", lambda _: next(labels))
    with pytest.raises(ValueError, match=r"Labels of the teachers' patients are .*spleen.*, those of .* are .*liver"):
        starts.network_of_teachers(replace(split, of_teachers=replace(split, n_labeled=3)), CPU)


def same(weights, others) -> bool:
    return all(torch.equal(weights[name], others[name]) for name in others)
