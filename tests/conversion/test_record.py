"""A conversion that was stopped goes on, one that is repeated does nothing, one with more cases adds them."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.conversion import case_check, write
from nnunetv2_muduo.conversion import convert as conversion

SIZES = (3, 1, 2)


def test_second_call_reads_no_voxel_and_changes_no_file(convert, petct, tmp_path, monkeypatch):
    source = petct.write_tree(tmp_path / "src", 8)
    first = convert("autopet", source, sizes=SIZES)
    times = {path: path.stat().st_mtime_ns for path in first.dataset.rglob("*.nii.gz")}
    monkeypatch.setattr(case_check, "_findings", lambda *_: pytest.fail("a case was read again"))
    monkeypatch.setattr(write, "_write", lambda *_: pytest.fail("a case was written again"))
    second = convert("autopet", source, sizes=SIZES)
    assert second.exit_code == 0
    assert second.files() == first.files()
    assert {path: path.stat().st_mtime_ns for path in first.dataset.rglob("*.nii.gz")} == times


@pytest.mark.parametrize("step", ["check", "write"])
@pytest.mark.parametrize("n_done", [0, 3])
def test_interrupted_call_is_continued_to_the_same_result(convert, petct, tmp_path, monkeypatch, step, n_done):
    source = petct.write_tree(tmp_path / "src", 8)
    module, name = {"check": (case_check, "_findings"), "write": (write, "_write")}[step]
    original, calls = getattr(module, name), []

    def stop_after_some(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) > n_done:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, stop_after_some)
        with pytest.raises(KeyboardInterrupt):
            convert("autopet", source, sizes=SIZES)
    dataset = tmp_path / "nnUNet_raw" / "Dataset705_T"
    assert not (dataset / "dataset.json").exists()
    for path in dataset.rglob("*.nii.gz"):
        sitk.ReadImage(str(path))
    continued = convert("autopet", source, sizes=SIZES)
    assert continued.exit_code == 0
    files = continued.files()
    subprocess.run(["rm", "-r", str(dataset)], check=True)
    assert convert("autopet", source, sizes=SIZES).files() == files


def test_half_a_line_in_the_journal_is_passed_over(convert, petct, tmp_path, monkeypatch):
    source = petct.write_tree(tmp_path / "src", 5)
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "plan", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            convert("autopet", source)
    journal = tmp_path / "nnUNet_raw" / "Dataset705_T" / ".muduo_journal.jsonl"
    lines = journal.read_text().splitlines()
    assert len(lines) == 6
    journal.write_text("\n".join(lines[:2]) + "\n" + lines[2][:50])
    done = convert("autopet", source)
    assert done.exit_code == 0
    assert len(done.record["cases"]) == 6
    assert not journal.exists()


def test_new_cases_are_added_and_old_sets_stay(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 6)
    first = convert("autopet", source, sizes=(2, 1, 1))
    known = first.record["cases"]
    petct.write_tree(source, 9)  # three more patients, and the six again with newer files
    labeled_patient = known[first.members("labeled")[0]]["patient"]
    petct.write_study(source / labeled_patient / "later study", petct.random_study(77))
    second = convert("autopet", source, sizes=(2, 1, 1))
    assert second.exit_code == 0
    cases = second.record["cases"]
    assert {case_id: cases[case_id]["set"] for case_id in known} == {i: entry["set"] for i, entry in known.items()}
    new = {case_id: entry["set"] for case_id, entry in cases.items() if case_id not in known}
    assert new.pop(f"{labeled_patient.lower()}_later-study") == "left_out"
    assert len(new) == 4
    assert set(new.values()) == {"unlabeled"}
    assert not list(second.dataset.rglob("*later-study*"))


def test_changed_source_is_converted_again(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    first = convert("autopet", source, "--copy")
    case_id = first.members("unlabeled")[0]
    entry = first.record["cases"][case_id]
    pet = entry["origin"]["pet"]
    image = sitk.ReadImage(pet)
    sitk.WriteImage(image + 1, pet)
    second = convert("autopet", source, "--copy")
    written = sitk.ReadImage(str(second.dataset / "imagesUn" / f"{case_id}_0001.nii.gz"))
    np.testing.assert_allclose(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(image) + 1)
    assert second.record["cases"][case_id]["findings"]["sha256"] != entry["findings"]["sha256"]


def test_deleted_output_is_written_again(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    first = convert("autopet", source)
    before = first.files()
    next(first.dataset.glob("imagesUn/*_0000.nii.gz")).unlink()
    assert convert("autopet", source).files() == before


@pytest.mark.parametrize("was_interrupted", [False, True])
def test_labeled_case_whose_label_map_is_gone_is_refused_by_name(
    convert, petct, tmp_path, monkeypatch, was_interrupted
):
    source = petct.write_tree(tmp_path / "src", 6)
    with monkeypatch.context() as patched:
        if was_interrupted:
            patched.setattr(write, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                convert("autopet", source, sizes=SIZES)
        else:
            before = convert("autopet", source, sizes=SIZES)
    record = json.loads((tmp_path / "nnUNet_raw" / "Dataset705_T" / "muduo_cases.json").read_text())
    case_id, entry = next((i, entry) for i, entry in record["cases"].items() if entry["set"] == "labeled")
    os.unlink(entry["origin"]["label"])
    done = convert("autopet", source, sizes=SIZES)
    assert done.exit_code == 1
    assert f"* {case_id}: is in the set labeled since an earlier call, but has no label map any more" in done.report
    if was_interrupted:
        assert record["cases"].keys() - done.record["cases"].keys() == {case_id}
        assert not list(done.dataset.rglob(f"{case_id}*"))
    else:
        kept = {name: data for name, data in done.files().items() if name.endswith(".nii.gz")}
        assert kept == {name: data for name, data in before.files().items() if name.endswith(".nii.gz")}


def test_other_sizes_or_seed_need_another_dataset(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 6)
    before = convert("autopet", source, sizes=(2, 1, 1)).files()
    for arguments, sizes in ((("--seed", 1), (2, 1, 1)), ((), (3, 1, 1))):
        done = convert("autopet", source, *arguments, sizes=sizes)
        assert done.exit_code == 1
        assert "was made with" in done.message
        assert done.files() == before


def test_several_processes_give_the_same_result(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 5)
    one = convert("autopet", source).files()
    subprocess.run(["rm", "-r", str(tmp_path / "nnUNet_raw" / "Dataset705_T")], check=True)
    two = convert("autopet", source, "-np", 2)
    assert two.exit_code == 0
    assert two.files() == one


def start(source, folder):
    """`muduo convert` as a process group of its own."""
    environment = os.environ | {"nnUNet_raw": str(folder), "OMP_NUM_THREADS": "1"}
    environment.pop("nnUNet_preprocessed", None)
    words = ["convert", "autopet", source, "-d", "705", "--labeled", "5", "--val", "5", "--test", "20", "-np", "2"]
    command = [sys.executable, "-m", "nnunetv2_muduo.cli", *map(str, words)]
    return subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_until_group_is_gone(group: int, timeout_s: float = 20):
    """Workers must not outlive the process that was killed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("worker processes live on after their parent was killed")


def n_finished(dataset) -> int:
    """Cases checked plus files written: a measure of how far a conversion has come."""
    journal = dataset / ".muduo_journal.jsonl"
    return (journal.read_bytes().count(b"\n") if journal.exists() else 0) + len(list(dataset.glob("images*/*")))


@pytest.mark.slow
@pytest.mark.parametrize(("n_studies", "n_kills"), [(100, 2), pytest.param(300, 5, marks=pytest.mark.long)])
def test_killed_at_random_moments_and_continued(petct, tmp_path, n_studies, n_kills):
    source = tmp_path / "src"
    for number in range(n_studies):
        images = petct.random_study(number, size_xyz=(8, 8, 8))
        if number % 4 == 0:
            images["CTres"] = sitk.Flip(images["CTres"], (True, False, False))
        petct.write_study(source / f"PETCT_{number // 2:010x}" / f"study {number}", images)
    undisturbed, disturbed = (tmp_path / name for name in ("undisturbed", "disturbed"))
    assert start(source, undisturbed).wait() == 0
    rng = np.random.default_rng(0)
    # Of each study there is a check, a write, and its two images: 1200 of 300.
    moments = sorted(rng.choice(np.arange(20, 4 * n_studies - 50), n_kills, replace=False))
    n_killed = 0
    for moment in moments:
        process = start(source, disturbed)
        while process.poll() is None and n_finished(disturbed / "Dataset705_AutoPET") < moment:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            n_killed += 1
        process.wait()
        wait_until_group_is_gone(process.pid)
    assert n_killed == n_kills
    assert start(source, disturbed).wait() == 0
    results = [
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (undisturbed, disturbed)
    ]
    assert len(results[0]) > 2 * n_studies
    assert results[0] == results[1]


def test_what_an_older_version_checked_is_checked_again(convert, petct, tmp_path, monkeypatch):
    """0.1 did not look at HU and SUV together."""
    source = petct.write_tree(tmp_path / "src", 8)
    done = convert("autopet", source, sizes=SIZES)
    record = done.record
    old = sorted(record["cases"])[:3]
    for case in old:
        del record["cases"][case]["findings"]["uptake"]
    (done.dataset / "muduo_cases.json").write_text(json.dumps(record))
    checked, check = [], case_check.check_case
    monkeypatch.setattr(case_check, "check_case", lambda case, *_: checked.append(case.case_id) or check(case))
    again = convert("autopet", source, sizes=SIZES)
    assert sorted(checked) == old
    assert again.files() == done.files()
