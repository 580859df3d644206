"""`muduo segment` as a user calls it, on a coarse phantom: prompts of every kind in; label map, figures, session, picture out."""

import csv
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread
from support import untrained_model

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.phantom.cohort import write_cohort

LIVER, SPLEEN = 1, 5  # by the cohort's labels.json
THRESHOLD = ("--teacher", "threshold:0.41")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder with a patient's images as nnU-Net calls them, and the truth."""
    folder = tmp_path_factory.mktemp("study")
    (source,) = write_cohort(folder / "cohort", n_cases=1, seed=0, spacing_mm=8, n_processes=1)
    for name, place in {"SUV": "patient_0001", "CTres": "patient_0000", "SEG": "truth"}.items():
        shutil.copy(source / f"{name}.nii.gz", folder / f"{place}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def organ_mm(study):
    """Centers of organs in mm (LPS)."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.ReadImage(str(study / "truth.nii.gz")))
    return {value: shape.GetCentroid(value) for value in (LIVER, SPLEEN)}


def typed(place_mm):
    return ",".join(f"{mm:.2f}" for mm in place_mm)


def segment(*words):
    return main(["segment", *map(str, words)])


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def table(folder):
    with (folder / "objects.csv").open() as file:
        return list(csv.DictReader(file))


def test_points_of_two_organs(study, organ_mm, tmp_path, capsys):
    """The network's answer, all files of it, and figures that are those of the files."""
    out = tmp_path / "out"
    points = [f"--point=liver={typed(organ_mm[LIVER])}", f"--point=spleen={typed(organ_mm[SPLEEN])}"]
    words = ["--ct", study / "patient_0000.nii.gz", "--ct-teacher", "small_ct", "--probabilities", "-device", "cpu"]
    assert segment(study / "patient_0001.nii.gz", *words, *points, "-o", out) == 0
    assert "liver" in capsys.readouterr().out
    image, labels = (sitk.ReadImage(str(path)) for path in (study / "patient_0001.nii.gz", out / "patient.nii.gz"))
    assert (labels.GetSize(), labels.GetDirection()) == (image.GetSize(), image.GetDirection())
    for number, value in enumerate((LIVER, SPLEEN), 1):
        assert labels[labels.TransformPhysicalPointToIndex(organ_mm[value])] == number
        assert array(out / f"patient_probabilities_{number}.nii.gz").max() > 0.5
    mask, truth = sitk.GetArrayFromImage(labels) == 1, array(study / "truth.nii.gz") == LIVER
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.5
    row, _ = table(out)
    assert (row["case"], row["object"], row["name"]) == ("patient", "1", "liver")
    suv = sitk.GetArrayFromImage(image)[mask]
    assert float(row["volume_ml"]) == pytest.approx(mask.sum() * 0.512, rel=1e-6)
    assert float(row["suv_mean"]) == pytest.approx(suv.mean(dtype=float), rel=1e-6)
    assert float(row["tlg_suv_ml"]) == pytest.approx(float(row["suv_mean"]) * float(row["volume_ml"]), rel=1e-9)
    assert imread(out / "patient.png").std() > 0.1
    assert "spleen" in (out / "patient.svg").read_text()
    assert sorted(path.name for path in out.iterdir()) == ["objects.csv", "patient.nii.gz", "patient.png", "patient.svg",
           "patient_probabilities_1.nii.gz", "patient_probabilities_2.nii.gz", "patient_session.json"]  # fmt: skip


def test_a_session_goes_on_to_the_same_voxels(study, organ_mm, tmp_path):
    first = segment(
        study / "patient_0001.nii.gz", f"--point={typed(organ_mm[LIVER])}", *THRESHOLD, "-o", tmp_path / "1"
    )
    session = tmp_path / "1" / "patient_session.json"
    again = segment(study / "patient_0001.nii.gz", "--prompts", session, *THRESHOLD, "-o", tmp_path / "2")
    assert first == again == 0
    np.testing.assert_array_equal(*(array(tmp_path / n / "patient.nii.gz") for n in "12"))
    below = (organ_mm[LIVER][0] - 16, *organ_mm[LIVER][1:])
    words = ["--prompts", session, f"--negative-point={typed(below)}", *THRESHOLD, "-o", tmp_path / "3"]
    assert segment(study / "patient_0001.nii.gz", *words) == 0
    labels = sitk.ReadImage(str(tmp_path / "3" / "patient.nii.gz"))
    assert labels[labels.TransformPhysicalPointToIndex(below)] == 0
    assert labels[labels.TransformPhysicalPointToIndex(organ_mm[LIVER])] == 1


def prompt_files(study, organ_mm, folder):
    """The same click at the liver in each format that has points."""
    image = sitk.ReadImage(str(study / "patient_0001.nii.gz"))
    voxel = list(image.TransformPhysicalPointToIndex(organ_mm[LIVER]))
    x, y, z = image.TransformIndexToPhysicalPoint(voxel)
    contents = {
        "a.json": {"tumor": [voxel], "background": []},
        "b.json": {"type": "Multiple points", "points": [{"point": voxel, "name": "tumor"}]},
        "c.mrk.json": {"markups": [{"type": "Fiducial", "controlPoints": [{"label": "F", "position": [x, y, z]}]}]},
        "d.mrk.json": {"markups": [{"type": "Fiducial", "coordinateSystem": "RAS",
                                    "controlPoints": [{"label": "F", "position": [-x, -y, z]}]}]},
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "e.fcsv").write_text(f"# CoordinateSystem = LPS\n1,{x},{y},{z}\n")
    np.savez(folder / "f.npz", clicks=np.array([{"fg": [voxel[::-1]], "bg": []}], object))
    return sorted(folder.iterdir())


def test_every_format_says_the_same(study, organ_mm, tmp_path, capsys):
    (tmp_path / "prompts").mkdir()
    told, maps = [], []
    for file in prompt_files(study, organ_mm, tmp_path / "prompts"):
        words = [study / "patient_0001.nii.gz", "--prompts", file, *THRESHOLD]
        assert segment(*words, "--dry-run") == 0
        told.append(capsys.readouterr().out.split(": (")[1])
        assert segment(*words, "-o", tmp_path / file.name) == 0
        maps.append(array(tmp_path / file.name / "patient.nii.gz"))
        capsys.readouterr()
    assert len(told) == 6
    assert len(set(told)) == 1, told
    for other in maps[1:]:
        np.testing.assert_array_equal(maps[0], other)


def test_a_dry_run_tells_voxel_and_values_and_asks_no_teacher(study, organ_mm, capsys):
    image, ct = (sitk.ReadImage(str(study / f"patient_{n}.nii.gz")) for n in ("0001", "0000"))
    voxel = image.TransformPhysicalPointToIndex(organ_mm[LIVER])
    words = [
        study / "patient_0001.nii.gz",
        "--ct",
        study / "patient_0000.nii.gz",
        "--teacher",
        "seganypet",
        "--dry-run",
    ]
    assert segment(*words, f"--point={typed(organ_mm[LIVER])}") == 0
    out = capsys.readouterr().out
    assert f"voxel ({', '.join(map(str, voxel))}): SUV {image[voxel]:.4g}, HU {ct[voxel]:.4g}" in out
    assert segment(*words, "--point=900,0,0") == 1
    assert "OUTSIDE the image, which lies at x" in capsys.readouterr().out


def test_a_mask_of_slicer_is_corrected_by_clicks(study, organ_mm, tmp_path):
    """The way back from Slicer: its segmentation begins, clicks of the same object correct it."""
    truth = sitk.ReadImage(str(study / "truth.nii.gz"))
    both = sitk.Cast((truth == LIVER) | (truth == SPLEEN), sitk.sitkUInt8)
    both.SetMetaData("Segment0_Name", "liver")
    both.SetMetaData("Segment0_LabelValue", "1")
    sitk.WriteImage(both, str(tmp_path / "liver.seg.nrrd"), True)
    point = {"label": "bg-1", "position": organ_mm[SPLEEN]}
    content = {"markups": [{"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": [point]}]}
    (tmp_path / "F.mrk.json").write_text(json.dumps(content))
    prompts = ["--prompts", tmp_path / "liver.seg.nrrd", "--prompts", f"liver={tmp_path / 'F.mrk.json'}"]
    words = [study / "patient_0001.nii.gz", *prompts, "--teacher", "small_pet", "-device", "cpu"]
    assert segment(*words, "-o", tmp_path / "out") == 0
    labels = sitk.ReadImage(str(tmp_path / "out" / "patient.nii.gz"))
    assert labels[labels.TransformPhysicalPointToIndex(organ_mm[SPLEEN])] == 0
    (row,) = table(tmp_path / "out")
    assert row["name"] == "liver"


def test_a_ct_alone_has_volume_and_no_uptake(study, organ_mm, tmp_path):
    words = ["--teacher", "small_ct", "-device", "cpu", f"--point={typed(organ_mm[LIVER])}", "-o", tmp_path]
    assert segment(study / "patient_0000.nii.gz", *words) == 0
    (row,) = table(tmp_path)
    assert float(row["volume_ml"]) > 100
    assert not {"suv_mean", "suv_peak", "tlg_suv_ml"} & row.keys()
    assert (tmp_path / "patient.png").is_file()


def test_many_images_with_prompts_by_their_names(study, organ_mm, tmp_path, capsys):
    for folder in ("images", "prompts"):
        (tmp_path / folder).mkdir()
    voxel = sitk.ReadImage(str(study / "patient_0001.nii.gz")).TransformPhysicalPointToIndex(organ_mm[LIVER])
    for case in ("a", "a_b", "c"):
        for channel in ("0000", "0001"):
            shutil.copy(study / f"patient_{channel}.nii.gz", tmp_path / "images" / f"{case}_{channel}.nii.gz")
        content = {"tumor": [voxel], "background": []} if case != "c" else {"tumor": [[999, 0, 0]]}
        (tmp_path / "prompts" / f"{case}_clicks.json").write_text(json.dumps(content))
    images = sorted((tmp_path / "images").glob("*_0001.nii.gz"))
    words = ["--ct", tmp_path / "images", "--prompts", tmp_path / "prompts", *THRESHOLD, "-o", tmp_path / "out"]
    assert segment(*images, *words) == 1  # the last one's click lies outside; the others are there
    error = capsys.readouterr().err
    assert "c: " in error
    assert "c_clicks.json: tumor[0]: The place" in error
    assert [row["case"] for row in table(tmp_path / "out")] == ["a", "a_b"]
    np.testing.assert_array_equal(*(array(tmp_path / "out" / f"{case}.nii.gz") for case in ("a", "a_b")))
    (tmp_path / "prompts" / "a_b_clicks.json").unlink()
    assert segment(images[1], *words) == 1
    assert "has no prompts of a_b" in capsys.readouterr().err


def test_lesion_free_images_stay_empty(study, tmp_path):
    (tmp_path / "patient.json").write_text('{"tumor": [], "background": [[30, 30, 50]]}')
    words = ["--prompts", tmp_path, *THRESHOLD, "-o", tmp_path / "out"]
    assert segment(study / "patient_0001.nii.gz", *words) == 0
    assert not array(tmp_path / "out" / "patient.nii.gz").any()
    (row,) = table(tmp_path / "out")
    assert (float(row["volume_ml"]), row["suv_mean"]) == (0, "")


def test_a_trained_model_answers_first(tiny_dataset, tmp_path, monkeypatch, capsys):
    """Its organ is what nnU-Net predicts; a click takes away a part of it, and organs that it doesn't know are told."""
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    model = untrained_model()
    images = tiny_dataset / "raw" / "Dataset001_Tiny" / "imagesTr"
    words = [
        images / "labeled_0_0001.nii.gz",
        "--ct",
        images / "labeled_0_0000.nii.gz",
        "--organs",
        model,
        "-device",
        "cpu",
    ]
    monkeypatch.setattr("nnunetv2_muduo.prompting.organ_model.OrganModel.predict", two_halves)
    assert segment(*words, "--organ", "spleen", *THRESHOLD, "-o", tmp_path / "1") == 0
    half = array(tmp_path / "1" / "labeled_0.nii.gz")
    np.testing.assert_array_equal(half[:, :, 16:], 1)
    assert not half[:, :, :16].any()
    assert table(tmp_path / "1")[0]["name"] == "spleen"
    assert segment(*words, "--negative-point=spleen=100,60,60", *THRESHOLD, "-o", tmp_path / "2") == 0
    corrected = array(tmp_path / "2" / "labeled_0.nii.gz")
    assert corrected[15, 15, 25] == 0
    assert segment(*words, "--point=lesion=100,60,60", *THRESHOLD, "-o", tmp_path / "3") == 1
    assert "no organ 'lesion', but liver, spleen" in capsys.readouterr().err


def two_halves(self, images):
    """Liver and spleen side by side."""
    reference = images["pet"]
    labels = np.ones(reference.GetSize()[::-1], np.int16)
    labels[:, :, 16:] = 2
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(reference)
    return image


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to answer"),
        (["--point=1,2,3"], "-o"),
        (["--point=1,2,3", "--teacher", "small_ct", "--ct", "x", "-o", "o"], "give the CT as IMAGE"),
        (["--point=1,2,3", "--ct-teacher", "small_ct", "-o", "o"], "give it with --ct"),
        (["--point=1,2,3", "--organ", "liver", "-o", "o"], "give the model with --organs"),
        (["--point=1,2,3", "--spacing", "0", "-o", "o"], "--spacing is a voxel size"),
        (["--point=1,2,3", "--teacher", "nothing", "-o", "o"], "'nothing' is neither a file"),
        (["--point=1,2,3", "--teacher", "small_pet", "--modality", "ct", "-o", "o"], "small_pet is for PET"),
    ],
)
def test_what_does_not_go_together_is_told(study, words, message, capsys):
    assert segment(study / "patient_0001.nii.gz", *words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("value", ["1,2", "1,2,x", "nan,0,0", "=1,2,3", "1e9,0,0", "liver"])
def test_points_that_are_none(study, value, capsys):
    with pytest.raises(SystemExit):
        segment(study / "patient_0001.nii.gz", f"--point={value}")
    assert "expected three numbers" in capsys.readouterr().err


def test_two_images_of_one_name_and_a_pet_in_other_units(study, tmp_path, capsys):
    pet = study / "patient_0001.nii.gz"
    assert segment(pet, study / "patient_0000.nii.gz", "--point=0,0,0", *THRESHOLD, "-o", tmp_path) == 1
    assert "both called patient" in capsys.readouterr().err
    sitk.WriteImage(sitk.ReadImage(str(pet)) * 5000, str(tmp_path / "pet.nii.gz"))
    assert segment(tmp_path / "pet.nii.gz", "--point=0,0,0", *THRESHOLD, "-o", tmp_path / "o") == 1
    error = capsys.readouterr().err
    assert "pet.nii.gz" in error
    assert "Bq/ml" in error
