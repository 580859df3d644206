import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from support import DATASET, untrained_model, write_config

from nnunetv2_muduo.cli import main

TARGET = f"{DATASET}/nnUNetTrainer__nnUNetPlans__3d_fullres"
WITHOUT_THIS_PACKAGE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "nnunetv2_muduo" or name.startswith("nnunetv2.training.nnUNetTrainer.variants.muduo"):
            raise ModuleNotFoundError(f"{name} is not there")

sys.meta_path.insert(0, Blocker())
sys.path += sys.argv[1:2]
for name in ("nnunetv2_muduo", "nnunetv2.training.nnUNetTrainer.variants.muduo"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{name} can be imported: this proves nothing")

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.model_sharing.model_import import install_model_from_zip_file

_, _, model_zip, model, images, out = sys.argv
install_model_from_zip_file(model_zip)
torch.set_num_threads(1)
predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
predictor.initialize_from_trained_model_folder(model, None)
predictor.predict_from_files_sequential(images, out)
assert not [name for name in sys.modules if "muduo" in name]
"""


def predict(model: Path, images: Path, out: Path) -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), None)
    predictor.predict_from_files_sequential(str(images), str(out))


@pytest.fixture
def own_results(tiny_dataset, tmp_path, monkeypatch):
    """The tiny data set with a results folder of the test's own."""
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    return tiny_dataset


def test_the_zip_holds_a_model_of_nnunets_own_trainer(own_results, tmp_path, capsys):
    model = untrained_model()
    assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 0
    assert "nnUNetv2_install_pretrained_model_from_zip model.zip" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        names = ["dataset.json", "fold_0/checkpoint_final.pth", "fold_0/progress.png", "plans.json"]
        assert sorted(archive.namelist()) == [f"{TARGET}/{name}" for name in names]
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    original = torch.load(model / "fold_0" / "checkpoint_final.pth", weights_only=False)
    # weights_only refuses every class but tensors and plain values
    exported = torch.load(tmp_path / TARGET / "fold_0" / "checkpoint_final.pth", weights_only=True)
    assert exported["trainer_name"] == "nnUNetTrainer"
    assert exported["inference_allowed_mirroring_axes"] == (0, 2)
    assert exported["init_args"]["plans"]["configurations"]["3d_fullres"]["patch_size"] == [24, 24, 24]
    assert "muduo" not in exported["init_args"]
    assert exported["network_weights"].keys() == original["network_weights"].keys()
    for name, weight in original["network_weights"].items():
        assert torch.equal(weight, exported["network_weights"][name])
    assert [path.name for path in tmp_path.glob(".model.zip*")] == []


def test_the_training_is_named_as_in_other_commands(own_results, tmp_path, capsys):
    untrained_model()
    for name, words in {
        "old": ["1", "nnUNetTrainerMuDuo", "0"],
        "new": ["-d", "1", "-tr", "nnUNetTrainerMuDuo", "-f", "0"],
    }.items():
        assert main(["export", *words, "-o", str(tmp_path / f"{name}.zip")]) == 0
    assert main(["export", "-o", str(tmp_path / "first.zip"), "1", "nnUNetTrainerMuDuo", "0"]) == 0
    assert main(["export", "-d", "1", "-o", str(tmp_path / "short.zip")]) == 0  # MuDuo's fold 0, as in other commands
    names = [zipfile.ZipFile(tmp_path / f"{name}.zip").namelist() for name in ("old", "new", "first", "short")]
    assert names[0] == names[1] == names[2] == names[3]
    capsys.readouterr()


@pytest.mark.parametrize(
    "words", [[], ["-tr", "nnUNetTrainerMuDuo"], ["1"], ["1", "nnUNetTrainerMuDuo"], ["1", "T", "0", "-d", "1"]]
)
def test_a_training_named_by_half_or_twice_is_refused(words, tmp_path, capsys):
    assert main(["export", *words, "-o", str(tmp_path / "model.zip")]) == 1
    assert "-d DATASET -tr TRAINER -f FOLD" in capsys.readouterr().err


@pytest.fixture
def telling_model(own_results):
    """A model all of whose files name people, machines and cases, as nnU-Net's and users' do."""
    model = untrained_model()
    fold = model / "fold_0"
    dataset = json.loads((model / "dataset.json").read_text())
    cases = {
        "mueller_77": {"images": ["/home/anna/raw/mueller_77_0000.nii.gz"], "label": "/home/anna/raw/mueller_77.nii.gz"}
    }
    dataset |= {
        "dataset": cases,
        "description": "by Anna on host42",
        "reference": "see /home/anna/paper.pdf",
        "licence": "CC BY",
    }
    (model / "dataset.json").write_text(json.dumps(dataset))
    plans = json.loads((model / "plans.json").read_text())
    plans |= {
        "note": "C:\\Users\\anna\\plans",
        "teachers": ["/home/anna/w/sam.pth", {"~/w/x": "//host42/share/anna/y"}],
    }
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset_fingerprint.json").write_text(json.dumps({"spacings": [[1, 1, 1]], "from": "/home/anna/raw"}))
    (fold / "validation").mkdir()
    measured = {"metrics": {"1": {"Dice": 0.5, "n_ref": 3}}, "prediction_file": "/home/anna/res/mueller_77.nii.gz"}
    measured["reference_file"] = "/home/anna/pre/gt_segmentations/mueller_77.nii.gz"
    summary = {"foreground_mean": {"Dice": 0.5}, "mean": {"1": {"Dice": float("nan")}}, "metric_per_case": [measured]}
    (fold / "validation" / "summary.json").write_text(json.dumps(summary | {"host": "host42"}))
    for name in ("debug.json", "muduo_config.yaml", "training_log_2026.txt"):
        (fold / name).write_text('{"hostname": "host42", "ct_teacher": "/home/anna/w/sam.pth"}')
    checkpoint = torch.load(fold / "checkpoint_final.pth", weights_only=False)
    checkpoint["init_args"] |= {"dataset_json": dataset, "my_folder": "/home/anna", "plans": plans}
    checkpoint |= {"logging": {"case": "mueller_77"}, "host": "host42"}
    torch.save(checkpoint, fold / "checkpoint_final.pth")
    return model


def test_the_zip_names_no_path_no_case_and_nobody(telling_model, tmp_path):
    assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 0
    archive = zipfile.ZipFile(tmp_path / "model.zip")
    contents = {name: archive.read(name) for name in archive.namelist()}
    assert {Path(name).name for name in contents} == {
        "plans.json", "dataset.json", "dataset_fingerprint.json", "checkpoint_final.pth", "progress.png", "summary.json",
    }  # fmt: skip
    inner = zipfile.ZipFile(io.BytesIO(contents[f"{TARGET}/fold_0/checkpoint_final.pth"]))
    contents |= {name: inner.read(name) for name in inner.namelist() if "/data/" not in name}
    telling = {"anna", "mueller", "host42", str(tmp_path), "/home", "C:\\\\Users"}
    assert [(word, name) for name, data in contents.items() for word in telling if word.encode() in data.lower()] == []
    summary = json.loads(contents[f"{TARGET}/fold_0/validation/summary.json"])
    assert summary["metric_per_case"][0]["metrics"]["1"] == {"Dice": 0.5, "n_ref": 3}
    assert summary["foreground_mean"] == {"Dice": 0.5}
    dataset = json.loads(contents[f"{TARGET}/dataset.json"])
    assert dataset["licence"] == "CC BY"
    assert dataset["reference"] == "see paper.pdf"
    assert dataset["labels"] == json.loads((telling_model / "dataset.json").read_text())["labels"]


def test_stock_commands_install_and_predict_with_what_is_left(telling_model, own_results, tmp_path, monkeypatch):
    from nnunetv2.inference.predict_from_raw_data import predict_entry_point
    from nnunetv2.model_sharing.entry_points import install_from_zip_entry_point

    assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 0
    shutil.rmtree(telling_model)
    monkeypatch.setattr(sys, "argv", ["nnUNetv2_install_pretrained_model_from_zip", str(tmp_path / "model.zip")])
    install_from_zip_entry_point()
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for channel in (0, 1):
        shutil.copy(own_results / "raw" / DATASET / "imagesUn" / f"unlabeled_3_000{channel}.nii.gz", images)
    arguments = f"nnUNetv2_predict -i {images} -o {out} -d 1 -c 3d_fullres -f 0 -device cpu -npp 1 -nps 1 --disable_tta"
    monkeypatch.setattr(sys, "argv", arguments.split())
    n_threads = torch.get_num_threads()
    predict_entry_point()
    torch.set_num_threads(n_threads)
    assert (out / "unlabeled_3.nii.gz").is_file()
    assert "anna" not in "".join(file.read_text() for file in out.glob("*.json")).lower()


def test_a_damaged_summary_is_named(telling_model, tmp_path, capsys):
    summary = telling_model / "fold_0" / "validation" / "summary.json"
    for content in ('{"metric_per_case": [1]}', '{"metric_per_case": 5}', "[]", "{"):
        summary.write_text(content)
        assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 1
        assert str(summary) in capsys.readouterr().err
        assert list(tmp_path.glob("*.zip*")) == []


def test_several_folds_become_an_ensemble(own_results, tmp_path):
    model = untrained_model()
    shutil.copytree(model / "fold_0", model / "fold_3")
    assert main(["export", DATASET, "nnUNetTrainerMuDuo", "0", "3", "-o", str(tmp_path / "model.zip")]) == 0
    names = zipfile.ZipFile(tmp_path / "model.zip").namelist()
    assert {f"{TARGET}/fold_{fold}/checkpoint_final.pth" for fold in (0, 3)} < set(names)


def test_a_student_of_pet_alone_is_exported_as_one_to_which_ct_is_nothing(own_results, tmp_path, monkeypatch):
    write_config(monkeypatch, tmp_path, student_channels="pet")
    model = untrained_model()
    assert main(["export", DATASET, "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 0
    zipfile.ZipFile(tmp_path / "model.zip").extractall(tmp_path)
    exported = tmp_path / TARGET
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    images = torch.randn(1, 2, 24, 24, 24)
    logits = []
    for folder in (model, exported):
        predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder), (0,), "checkpoint_final.pth")
        predictor.network.load_state_dict(predictor.list_of_parameters[0])
        with torch.no_grad():
            logits.append(predictor.network.eval()(images))
    assert next(iter(predictor.network.state_dict().values())).shape[1] == 2
    torch.testing.assert_close(*logits)


def test_a_prompt_generator_is_refused(own_results, tmp_path, capsys):
    untrained_model("nnUNetTrainerMuDuoPromptGenerator")
    arguments = ["export", "1", "nnUNetTrainerMuDuoPromptGenerator", "0", "-o", str(tmp_path / "model.zip")]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "another network than nnUNetTrainer builds" in error
    assert "(8, 1, 3, 3, 3)" in error
    assert list(tmp_path.glob("*.zip*")) == list(tmp_path.glob(".model.zip*")) == []


def test_missing_files_are_all_named(own_results, tmp_path, capsys):
    model = untrained_model()
    (model / "plans.json").unlink()
    assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "4", "-o", str(tmp_path / "model.zip")]) == 1
    error = capsys.readouterr().err
    assert "2 file(s)" in error
    assert "plans.json" in error
    assert "fold_4" in error


@pytest.mark.slow
def test_people_without_this_package_predict_the_same_voxels(own_results, tmp_path):
    model = untrained_model()
    images, ours, theirs = (tmp_path / name for name in ("images", "ours", "theirs"))
    for folder in (images, ours, theirs):
        folder.mkdir()
    for channel in (0, 1):
        file = f"unlabeled_3_000{channel}.nii.gz"
        shutil.copy(own_results / "raw" / DATASET / "imagesUn" / file, images)
    predict(model, images, ours)
    assert main(["export", "1", "nnUNetTrainerMuDuo", "0", "-o", str(tmp_path / "model.zip")]) == 0

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("nnUNet_")} | {
        "nnUNet_results": str(elsewhere)
    }
    site_packages = Path(np.__file__).parents[1]
    arguments = [site_packages, tmp_path / "model.zip", elsewhere / TARGET, images, theirs]
    command = [sys.executable, "-I", "-S", "-c", WITHOUT_THIS_PACKAGE, *map(str, arguments)]
    finished = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    a, b = (sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "unlabeled_3.nii.gz"))) for folder in (ours, theirs))
    assert np.array_equal(a, b)
    assert len(np.unique(a)) > 1
