import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from support import DATASET, shear

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.conversion import raw_values
from nnunetv2_muduo.trainers.image_check import CHECKED_FILE


def change(root, name, factor):
    path = root / "raw" / DATASET / "imagesTr" / name
    sitk.WriteImage(sitk.ReadImage(str(path)) * factor, str(path))


def prepare() -> int:
    return main(["prepare", "-d", "1", "-device", "cpu"])


@pytest.mark.parametrize(
    ("channel", "factor", "words"), [(0, 0.001, "not in HU"), (1, 5000.0, "not in SUV"), (1, 1e-6, "not in SUV")]
)
def test_labeled_images_in_other_units_are_refused(prepared_dataset, capsys, channel, factor, words):
    change(prepared_dataset, f"labeled_1_000{channel}.nii.gz", factor)
    assert prepare() == 1
    error = capsys.readouterr().err
    assert f"labeled_1_000{channel}.nii.gz: {words}" in error
    assert "labeled_0" not in error


def test_images_that_were_found_right_are_not_read_again(prepared_dataset, monkeypatch):
    assert prepare() == 0
    checked = json.loads((prepared_dataset / "pre" / DATASET / CHECKED_FILE).read_text())
    assert sorted(checked) == [f"labeled_{number}" for number in range(5)]
    read = []
    monkeypatch.setattr(raw_values, "read_image", lambda path: read.append(path.name) or sitk.ReadImage(str(path)))
    assert prepare() == 0
    assert read == []
    change(prepared_dataset, "labeled_3_0001.nii.gz", 1.5)
    assert prepare() == 0
    assert read == ["labeled_3_0000.nii.gz", "labeled_3_0001.nii.gz"]


def test_raw_data_that_are_elsewhere_are_not_asked_for(prepared_dataset):
    (prepared_dataset / "raw" / DATASET).rename(prepared_dataset / "elsewhere")
    assert prepare() == 0


@pytest.mark.parametrize("folder", ["imagesTr", "imagesUn"])
def test_cases_that_the_record_has_in_bqml_are_named_and_pass(prepared_dataset, capsys, folder):
    case = {"imagesTr": "labeled_1", "imagesUn": "unlabeled_1"}[folder]
    path = prepared_dataset / "raw" / DATASET / folder / f"{case}_0001.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path)) * 5000, str(path))
    record = {"cases": {case: {"findings": {"pet_unit": "Bq/ml"}, "patient_key": None}}}
    (prepared_dataset / "raw" / DATASET / "muduo_cases.json").write_text(json.dumps(record))
    assert prepare() == 0
    assert f"PET in Bq/ml, not SUV, by the conversion's record: {case}." in capsys.readouterr().out


@pytest.mark.parametrize(("reader", "exit_code"), [("NibabelIO", 0), ("SimpleITKIO", 1)])
def test_sheared_axes_are_read_where_nnunet_reads_them(prepared_dataset, capsys, reader, exit_code):
    plans_file = prepared_dataset / "pre" / DATASET / "nnUNetPlans.json"
    plans_file.write_text(json.dumps(json.loads(plans_file.read_text()) | {"image_reader_writer": reader}))
    raw = prepared_dataset / "raw" / DATASET
    for path in (*(raw / "imagesTr").glob("labeled_1_*"), raw / "labelsTr" / "labeled_1.nii.gz"):
        shear(path)
    assert prepare() == exit_code
    assert ("labeled_1" in capsys.readouterr().err) is bool(exit_code)


@pytest.mark.parametrize("name", ["imagesTr/labeled_1_0001", "labelsTr/labeled_1", "imagesUn/unlabeled_1_0000"])
def test_a_header_that_says_two_places_is_refused(prepared_dataset, capsys, name):
    path = prepared_dataset / "raw" / DATASET / f"{name}.nii.gz"
    image = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    image.set_qform(image.affine @ np.diag([-1, 1, 1, 1]), 1)
    nibabel.save(image, path)
    assert prepare() == 1
    error = capsys.readouterr().err
    assert f"{path.name}: sform and qform" in error
    assert "labeled_0" not in error
