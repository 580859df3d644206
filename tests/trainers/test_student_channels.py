"""The student's channels: as the config names them, in the plans, and picked by the network."""

import pytest
import torch
from support import make_trainer, write_config
from torch import nn

from nnunetv2_muduo.trainers.student_channels import PickChannels, numbers_of_channels


@pytest.mark.parametrize(
    ("wanted", "names", "expected"),
    [
        ("all", ["CT", "PET"], [0, 1]),
        ("ct", ["CT", "PET"], [0]),
        ("pet", ["CT", "FDG-PET"], [1]),
        ("pet", ["PET"], [0]),
        ("ct", ["T1", "ct", "pet"], [1]),
        (["T2"], ["T1", "T2"], [1]),
        (["t2", "T1"], ["T1", "T2", "FLAIR"], [0, 1]),
    ],
)
def test_channels_are_found_by_modality_or_name(wanted, names, expected):
    assert numbers_of_channels(wanted, names) == expected


@pytest.mark.parametrize(("wanted", "names"), [("pet", ["T1", "T2"]), (["FLAIR"], ["T1", "T2"]), ("ct", ["PET"])])
def test_a_channel_that_is_not_there_names_those_that_are(wanted, names):
    with pytest.raises(ValueError, match=f"student_channels .*channels are {', '.join(names)}"):
        numbers_of_channels(wanted, names)


def test_a_network_is_handed_its_channels_alone():
    network = nn.Identity()
    network.register_forward_pre_hook(PickChannels([2, 0]))
    image = torch.arange(3.0).view(1, 3, 1)
    assert network(image).flatten().tolist() == [2, 0]


def test_the_plans_that_are_saved_name_the_channels(tiny_dataset, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, student_channels=["CT"])
    trainer = make_trainer("nnUNetTrainerMuDuo_Supervised")
    trainer.initialize()
    assert trainer.plans_manager.plans["configurations"]["3d_fullres"]["student_channels"] == [0]
    assert next(iter(trainer.network.state_dict().values())).shape[1] == 1
    write_config(monkeypatch, tmp_path)
    trainer = make_trainer("nnUNetTrainerMuDuo_Supervised")
    trainer.initialize()
    assert "student_channels" not in trainer.plans_manager.plans["configurations"]["3d_fullres"]
    assert next(iter(trainer.network.state_dict().values())).shape[1] == 2
