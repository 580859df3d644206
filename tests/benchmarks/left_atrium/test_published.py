"""The published setting by its one command, up to the download of the public SAM."""

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.left_atrium import __main__ as command
from benchmarks.left_atrium.size import PublishedSize, Size
from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.trainers.cfr import CFRConfig
from nnunetv2_muduo.trainers.fine_tuning import settings_of


def test_it_has_the_papers_numbers(monkeypatch):
    monkeypatch.delenv("nnUNet_muduo_config", raising=False)
    size, config = PublishedSize(), load_config(PublishedSize().config("CFR", 0), CFRConfig)
    assert (size.patch_size, size.batch_size) == ((80, 112, 112), 2)
    assert config.num_epochs * config.num_iterations_per_epoch == 6000
    assert settings_of(config) == FineTuningSettings(
        "vit_b", 6000, batch_size=2, lr=1e-3, weight_decay=0.1, lora_rank=4
    )
    assert (config.consistency_weight, config.method_weight, config.semi_supervised_method) == (
        1.0,
        0.1,
        "mean_teacher",
    )
    assert Size().config("CFR", 0)["sam"] == "tiny"


@pytest.mark.slow
def test_one_command_begins_all_of_it_and_asks_for_vit_b(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers", reason="the extra [cfr] is not installed")
    write_data(tmp_path / "data")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    arguments = f"{tmp_path / 'data'} {tmp_path / 'work'} --out {tmp_path / 'out'} --published --labels 1 --seeds 0 --methods CFR"
    monkeypatch.setattr("sys.argv", ["left_atrium", *arguments.split()])
    assert command.main() == 1
    assert "CFR, 1 labels, seed 0: FAILED" in capsys.readouterr().out
    (log,) = (tmp_path / "work" / "labels_1" / "logs").iterdir()
    said = log.read_text(encoding="utf-8")
    assert "SAM: fine-tuning vit_b on the fold's labeled cases" in said
    assert "no SAM with safetensors weights at facebook/sam-vit-base" in said
    (plans,) = (tmp_path / "work" / "labels_1" / "preprocessed").glob("*/nnUNetPlans.json")
    assert read_json(plans)["configurations"]["3d_fullres"]["patch_size"] == [80, 112, 112]


def write_data(folder):
    """Two training cases and a test case in the layout of the challenge's data."""
    cases = {"train": ["a", "b"], "test": ["c"]}
    for part, names in cases.items():
        (folder / part).mkdir(parents=True)
        (folder / f"{part}.txt").write_text("\n".join(names))
        for number, name in enumerate(names):
            image = np.random.default_rng(number).normal(size=(16, 24, 24)).astype(np.float32)
            label = np.zeros(image.shape, np.uint8)
            label[4:10, 8:16, 8:16] = 1
            for kind, array in (("image", image + 3 * label), ("label", label)):
                sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / part / f"{name}_{kind}.nii.gz"))
