import json

import numpy as np
import pytest
from fixtures.training_record import DATASET, page_of

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.phantom.cohort import write_cohort
from nnunetv2_muduo.visualization.report_data import read_training
from nnunetv2_muduo.visualization.report_warnings import find_warnings


def warnings_of(training) -> list[str]:
    return find_warnings(read_training(training.fold))


def test_nothing_to_warn_of(made_up_training):
    assert warnings_of(made_up_training) == []


def test_warning_of_teachers_that_never_agree(made_up_training, capsys):
    made_up_training.change_progress(agreement_aorta=[0.01] * 59 + [0.34])
    (warning,) = warnings_of(made_up_training)
    assert warning.startswith("The teachers never agree on aorta (at most 0.34).")
    assert warning.split(".")[0] in page_of(made_up_training)
    assert "Warning: The teachers never agree on aorta" in capsys.readouterr().out
    made_up_training.change_progress(agreement_aorta=[0.01] * 59 + [0.4])
    assert warnings_of(made_up_training) == []


def test_warning_of_organs_never_asked_for_or_kept(made_up_training):
    made_up_training.change_progress(agreement_heart=np.nan, kept_share_heart=np.nan, kept_share_liver=0.0)
    never_asked, never_kept = warnings_of(made_up_training)
    assert "never asked for heart" in never_asked
    assert never_kept.startswith("liver: never kept")


def test_warning_of_empty_and_missing_prompt_maps(made_up_training):
    for case in range(30):
        made_up_training.write_map(f"other_{case}_study", range(1, 11))
    made_up_training.write_map("other_3_study", [])
    (made_up_training.maps / "other_5_study.npz").unlink()
    empty, missing, absent = warnings_of(made_up_training)
    assert empty == "1 of 29 prompt maps are empty, these cases teach nothing: other_3_study."
    assert missing == "1 of 30 unlabeled cases have no prompt map."
    assert absent == "No prompt map holds lung_middle_lobe_right."


def test_warning_of_patients_in_two_sets(made_up_training):
    made_up_training.change_case("other_9_study", patient_key="psma_1")
    (warning,) = warnings_of(made_up_training)
    assert warning.startswith("1 patient(s) are in unlabeled and in val: psma_1.")


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        (["psma_1_study", "fdg_0_study"], ["psma_1_study"], "1 case(s) are in labeled and in val: psma_1_study."),
        (["fdg_0_study"], ["fdg_0_study"], "1 case(s) are in labeled and in val: fdg_0_study."),
        (
            ["fdg_0_study", "other_9_study"],
            ["psma_1_study"],
            "1 case(s) are in labeled and in unlabeled: other_9_study.",
        ),
    ],
)
def test_warning_of_cases_in_two_sets(made_up_training, train, val, said):
    """By a splits_final.json that was written by hand, also of patients that nobody knows."""
    made_up_training.change_case("other_9_study", patient_key=None)
    split = [{"train": train, "val": val}]
    made_up_training.write_json(made_up_training.root / "pre" / DATASET / "splits_final.json", split)
    assert f"{said} Figures of this training are too good to be true." in warnings_of(made_up_training)


def test_studies_that_were_left_out_are_no_leakage(made_up_training):
    """`muduo convert` leaves further studies of a patient out, so that its patients stand in one set each."""
    for i, patient in enumerate(("fdg_0", "psma_1", "other_9")):
        made_up_training.add_case(f"{patient}_later_{i}", set="left_out", patient_key=patient)
    assert warnings_of(made_up_training) == []
    page = page_of(made_up_training)
    assert "too good to be true" not in page
    assert '<td class="text">left out</td><td data-value="3">' in page
    assert "left_out" not in page


@pytest.mark.parametrize(
    ("case", "patient", "sets"),
    [
        ("psma_1_study", "fdg_0", "labeled and in val"),
        ("other_9_study", "fdg_0", "labeled and in unlabeled"),
        ("other_9_study", "psma_1", "unlabeled and in val"),
    ],
)
def test_leakage_is_warned_of_beside_studies_that_were_left_out(made_up_training, case, patient, sets):
    made_up_training.add_case("fdg_1_later", set="left_out", patient_key="fdg_1")
    made_up_training.change_case(case, patient_key=patient)
    (warning,) = warnings_of(made_up_training)
    assert warning == f"1 patient(s) are in {sets}: {patient}. Figures of this training are too good to be true."


def test_a_test_case_of_a_training_patient_is_warned_of(made_up_training):
    made_up_training.add_case("fdg_0_later", set="test", patient_key="fdg_0")
    (warning,) = warnings_of(made_up_training)
    assert warning.startswith("1 patient(s) are in labeled and in test: fdg_0.")


def test_what_convert_leaves_out_is_no_leakage(made_up_training, tmp_path, monkeypatch):
    """The record of a real conversion, in which a patient's second and third study are left out."""
    write_cohort(tmp_path / "cohort", n_cases=9, seed=0, spacing_mm=12, n_processes=1)
    arguments = [
        "convert",
        "autopet",
        str(tmp_path / "cohort"),
        "-d",
        "8",
        "--labeled",
        "3",
        "--val",
        "2",
        "--test",
        "1",
    ]
    assert main([*arguments, "--seed", "4", "-np", "1"]) == 0
    converted = tmp_path / "raw" / "Dataset008_AutoPET" / "muduo_cases.json"
    sets = [entry["set"] for entry in json.loads(converted.read_text())["cases"].values()]
    assert "left_out" in sets
    converted.replace(tmp_path / "raw" / DATASET / "muduo_cases.json")
    (tmp_path / "pre" / DATASET / "splits_final.json").unlink()
    assert not [warning for warning in warnings_of(made_up_training) if "patient" in warning]


def test_warning_of_missed_organs_and_broken_losses(made_up_training):
    dice = np.full((4, 11), 0.8)
    dice[:, 5] = [0, 0, np.nan, 0]
    made_up_training.write_validation(dice)
    made_up_training.change_progress(train_loss=[0.5] * 40 + [np.inf] * 20)
    losses, missed = warnings_of(made_up_training)
    assert losses == "Losses are not finite in 20 epoch(s), first in epoch 40."
    assert missed == "The student finds aorta in no validation case."


def test_one_teacher_has_nobody_to_disagree_with(made_up_training):
    config = made_up_training.fold / "muduo_config.yaml"
    config.write_text(config.read_text().replace("teachers: both", "teachers: ct"))
    made_up_training.change_progress(agreement_aorta=0.0)
    assert warnings_of(made_up_training) == []
