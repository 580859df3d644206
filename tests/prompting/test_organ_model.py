"""A trained model as the first answer: what nnU-Net's own command predicts, and models that can't be used."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from support import untrained_model

from nnunetv2_muduo.prompting.organ_model import OrganModel


@pytest.fixture
def model(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    return untrained_model()


@pytest.fixture
def images(tiny_dataset):
    folder = tiny_dataset / "raw" / "Dataset001_Tiny" / "imagesTr"
    return {key: folder / f"labeled_0_{number}.nii.gz" for key, number in (("pet", "0001"), ("ct", "0000"))}


def test_it_is_what_nnunets_command_predicts(model, images, tmp_path):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), None)
    files = [[str(images["ct"]), str(images["pet"])]]
    predictor.predict_from_files_sequential(files, [str(tmp_path / "predicted.nii.gz")])
    expected = sitk.ReadImage(str(tmp_path / "predicted.nii.gz"))
    found = OrganModel(model).predict({key: sitk.ReadImage(str(path)) for key, path in images.items()})
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
    assert len(np.unique(sitk.GetArrayFromImage(found))) > 1
    assert found.GetOrigin() == expected.GetOrigin()


def test_a_ct_on_another_grid_is_put_on_the_pets(model, images):
    pet, ct = (sitk.ReadImage(str(images[key])) for key in ("pet", "ct"))
    finer = sitk.Expand(ct, (2, 2, 2))
    assert OrganModel(model).predict({"pet": pet, "ct": finer}).GetSize() == pet.GetSize()


def test_what_is_missing_is_told(model, images):
    organ_model = OrganModel(model)
    with pytest.raises(ValueError, match="asks for CT too"):
        organ_model.predict({"pet": sitk.ReadImage(str(images["pet"]))})
    assert organ_model.label("spleen") == 2
    with pytest.raises(ValueError, match="no organ 'heart', but liver, spleen"):
        organ_model.label("heart")


def damage(model):
    (model / "fold_0" / "checkpoint_final.pth").write_bytes(b"cut off")


def without_folds(model):
    shutil.rmtree(model / "fold_0")


def of_mri(model):
    description = json.loads((model / "dataset.json").read_text())
    (model / "dataset.json").write_text(json.dumps(description | {"channel_names": {"0": "CT", "1": "T2"}}))


@pytest.mark.parametrize(
    ("change", "message"),
    [(damage, "can't be read as a checkpoint"), (without_folds, "no fold with a checkpoint_final"), (of_mri, "asks for T2"),
     (shutil.rmtree, "dataset.json is missing")],
)  # fmt: skip
def test_models_that_can_not_be_used_are_named(model, change, message):
    change(model)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        OrganModel(model)
    assert str(model) in str(error.value)
