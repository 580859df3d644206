"""`--pseudonyms`: no byte of what is written names a patient, a date, a UID or a path, and the key brings names together."""

import gzip
import json
import os
import re
import stat
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
import dicom_writer as dcm  # noqa: E402

from nnunetv2_muduo.conversion.pseudonyms import Pseudonyms, study_date  # noqa: E402

NAME = re.compile(r"p[0-9a-f]{12}_s[0-9a-f]{8}|s[0-9a-f]{12}")


def written(*folders: Path) -> dict[str, bytes]:
    """Every file by its path, links as where they lead to, packed files unpacked too."""
    contents = {}
    for folder in folders:
        for path in filter(lambda p: p.is_symlink() or p.is_file(), folder.rglob("*")):
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            data += gzip.decompress(data) if data[:2] == b"\x1f\x8b" else b""
            contents[str(path.relative_to(folder))] = data
    return contents


def found_in(contents: dict[str, bytes], telling) -> list[tuple[str, str]]:
    words = {str(word).lower() for word in telling}
    return [
        (word, name)
        for name, data in contents.items()
        for word in words
        if word.encode() in data.lower() or word in name.lower()
    ]


@pytest.fixture
def key(tmp_path):
    (tmp_path / "keys").mkdir()
    return tmp_path / "keys" / "hospital.key"


@pytest.fixture
def all_written(nnunet_folders):
    return lambda: written(*(nnunet_folders / f"nnUNet_{name}" for name in ("raw", "preprocessed", "results")))


def write_dicom(folder: Path, patient: str, date: str, seed: int, **more) -> set[str]:
    """A study with all the tags that name somebody; returns what may not be found again."""
    tags = {"PatientName": f"Doenges^{patient}", "PatientBirthDate": "19511224", "StudyDate": date, "StudyID": "ST-88"}
    tags |= {"SeriesDate": date, "AcquisitionDate": date, "AccessionNumber": "ACC7755", "InstitutionName": "St. Ann"}
    tags |= {"StudyDescription": f"PETCT of {patient}", "ReferringPhysicianName": "House^G"} | more
    study = {"patient": patient, "study": date}
    dcm.write_series(folder / "pet", dcm.pet_volume(seed), series="PET AC", tags=tags, **study)
    dcm.write_series(
        folder / "ct", dcm.ct_volume(seed), modality="CT", series="CT", tags=tags, spacing_mm=(2.0, 2.0, 4.0), **study
    )
    uids = {
        str(element.value)
        for path in folder.rglob("*.dcm")
        for element in pydicom.dcmread(path)
        if element.VR == "UI" and "SOPClassUID" not in element.keyword
    }
    days = {date, f"{date[:4]}-{date[4:6]}-{date[6:]}", f"{date[4:6]}-{date[6:]}-{date[:4]}"}
    return uids | days | {patient, "Doenges", "19511224", "ACC7755", "ST-88", "House"}


@pytest.fixture
def dicom_source(tmp_path):
    """Three patients, one of them seen three times, and labels in a tree of NIfTI; all that would name them."""
    source, telling = tmp_path / "arrived_from_ward_9", set()
    for number, (patient, dates) in enumerate(
        {"KH-4711": ["20030323", "20030101", "20050101"], "Muel 77": ["20040202"], "xy0815": ["20010203"]}.items()
    ):
        for date in dates:
            folder = source / patient / date
            telling |= write_dicom(folder, patient, date, 100 * number + int(date[4:6]))
    return source, telling | {source, "arrived_from_ward_9"}


@pytest.fixture
def dicom_labels(tmp_path, dicom_source):
    """A label map for every study, named as the cases would be called without pseudonyms."""
    from nnunetv2_muduo.conversion.dicom_tree import find_dicom_cases

    folder = tmp_path / "labels"
    folder.mkdir()
    for case in find_dicom_cases(dicom_source[0]):
        pet = case.pet.read()
        label = sitk.Image(pet.GetSize(), sitk.sitkUInt8)
        label.CopyInformation(pet)
        label[3:6, 3:6, 3:6] = 1
        sitk.WriteImage(label, str(folder / f"{case.case_id}.nii.gz"))
    return folder


def test_nothing_that_is_written_of_dicom_names_anybody(convert, dicom_source, dicom_labels, key, all_written):
    source, telling = dicom_source
    done = convert("dicom", source, "--labels", dicom_labels, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert found_in(all_written(), telling | {key, dicom_labels, "hospital.key"}) == []
    cases = done.record["cases"]
    assert len(cases) == 5
    assert all(NAME.fullmatch(case) for case in cases)
    assert len({entry["patient_key"] for entry in cases.values()}) == 3
    assert max(len(list(entry["findings"]["labels"])) for entry in cases.values()) == 1  # labels found their cases


def test_the_words_are_found_without_pseudonyms(convert, dicom_source, dicom_labels, all_written):
    source, telling = dicom_source
    convert("dicom", source, "--labels", dicom_labels, sizes=(1, 1, 0))
    found = {word for word, _ in found_in(all_written(), telling)}
    assert {"kh-4711", str(source).lower(), "03-23-2003"} <= found  # or the test above would prove nothing


def test_days_count_from_the_patients_first_study(convert, dicom_source, dicom_labels, key):
    done = convert("dicom", dicom_source[0], "--labels", dicom_labels, "--pseudonyms", key, sizes=(1, 1, 0))
    days = {}
    for entry in done.record["cases"].values():
        days.setdefault(entry["patient_key"], []).append(entry["days_after_first_study"])
    assert sorted(map(sorted, days.values())) == [[0], [0], [0, 81, 731]]  # 2003-01-01 to 2003-03-23 and 2005-01-01


def test_refusals_name_the_source_on_the_screen_alone(convert, dicom_source, dicom_labels, key, all_written):
    source, telling = dicom_source
    slices = sorted((source / "Muel 77" / "20040202" / "pet").iterdir())
    slices[4].write_bytes(slices[4].read_bytes()[:900])  # a truncated slice
    telling |= write_dicom(source / "no_weight", "Weightless", "20060606", 70, PatientWeight="")
    done = convert("dicom", source, "--labels", dicom_labels, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "Muel 77" in done.message
    assert str(slices[4]) in done.message
    assert "no_weight" in done.message
    assert found_in(all_written(), telling | {"no_weight", slices[4].name}) == []
    assert len(re.findall(r"^\* p\S+: see what the conversion said$", done.report, re.M)) == 2


def test_a_pet_in_bqml_is_noted_without_what_its_header_says(convert, dicom_source, dicom_labels, key, all_written):
    source, telling = dicom_source
    telling |= write_dicom(source / "x", "NoTime99", "20060606", 70, PatientWeight="")
    options = ["--labels", dicom_labels, "--pseudonyms", key, "--allow-bqml"]
    done = convert("dicom", source, *options, sizes=(1, 1, 0))
    assert done.exit_code == 0
    units = [entry["findings"]["pet_units"] for entry in done.record["cases"].values()]
    assert units.count("Bq/ml, not SUV") == 1
    assert found_in(all_written(), telling) == []


def write_rois(source: Path, roi_of_first: str, **more) -> set[str]:
    """Three patients with contours, one of whom has them under a name of its own."""
    from rtstruct_writer import box, write_rtstruct

    telling = set()
    for number, patient in enumerate(("KH-4711", "KH-4712", "KH-4713")):
        telling |= write_dicom(source / patient, patient, "20030323", number, **more)
        contours = [box((-10, -10), (5, 5), -60 + 5 * k) for k in (3, 4, 5)]
        roi = roi_of_first if number == 0 else "GTV"
        write_rtstruct(source / patient / "rt" / "rs.dcm", source / patient / "pet", {roi: contours})
    return telling


@pytest.mark.parametrize("roi", ["GTV KH-4711", "gtv_kh4711_new", "Doenges GTV", "DOENGES"])
def test_labels_that_name_the_patient_are_refused(convert, tmp_path, key, all_written, roi):
    telling = write_rois(tmp_path / "rt", roi)
    done = convert("dicom", tmp_path / "rt", "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "names its patient. Say in labels.json" in done.message
    assert f"{roi!r}" in done.message
    assert found_in(all_written(), telling | {roi}) == []
    assert done.record["labels"] == {"background": 0, "GTV": 1}


def test_labels_json_says_which_labels_may_be_written(convert, tmp_path, key, all_written):
    telling = write_rois(tmp_path / "rt", "Herz KH-4711", PatientName="Herz^A")
    (tmp_path / "rt" / "labels.json").write_text(json.dumps({"background": 0, "Herz": ["herz*", "GTV"]}))
    done = convert("dicom", tmp_path / "rt", "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert done.record["labels"] == {"background": 0, "Herz": 1}
    assert found_in(all_written(), telling - {"Herz"}) == []


def write_nifti_with_texts(path: Path, patient: str, date: str) -> None:
    """Give a NIfTI file all the places that texts can stand in, and a gzip header with its former name."""
    image = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header)
    for field, text in (
        ("descrip", f"{patient} {date}"),
        ("aux_file", patient),
        ("db_name", patient),
        ("intent_name", patient),
    ):
        image.header[field] = text.encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", f"{patient} born 19511224".encode()))
    with path.open("wb") as file, gzip.GzipFile(f"{patient}.nii", "wb", fileobj=file) as packed:
        packed.write(image.to_bytes())


@pytest.fixture
def nifti_source(tmp_path, petct):
    """AutoPET's layout by patients' IDs, every file with texts about them; one patient has two studies."""
    source = tmp_path / "trial_ward_9"
    for number, study in enumerate(
        ("KH4711/03-23-2003-A", "KH4711/2003-04-02_B", "KH4712/20040202", "KH4713/01-02-2005-C")
    ):
        patient, date = study.split("/")
        folder = petct.write_study(source / study, petct.random_study(number))
        for path in folder.iterdir():
            write_nifti_with_texts(path, patient, date)
    return source, {source, "KH471", "03-23-2003", "2003-04-02", "20040202", "01-02-2005", "19511224", "trial_ward"}


def test_nifti_is_written_anew_with_the_same_voxels(convert, nifti_source, key, all_written):
    source, telling = nifti_source
    done = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert found_in(all_written(), telling) == []
    table = json.loads((key.parent / "hospital.key.table.json").read_text())
    assert len(table["cases"]) == 4
    for case, name in table["cases"].items():
        study = next(f.parent for f in source.rglob("SUV.nii.gz") if f.parent.name.lower() in name)
        for stem, channel in (("CTres", 0), ("SUV", 1)) if done.record["cases"][case]["set"] != "left_out" else ():
            file = next(done.dataset.glob(f"images*/{case}_000{channel}.nii.gz"))
            before, after = nibabel.load(study / f"{stem}.nii.gz"), nibabel.load(file)
            assert np.array_equal(before.get_fdata(), after.get_fdata())
            assert before.get_data_dtype() == after.get_data_dtype()
            assert np.allclose(before.affine, after.affine, atol=1e-5)


def test_nnunets_layout_too(convert, tmp_path, petct, key, all_written):
    source = tmp_path / "own_scans"
    names = ["site_pat001_20030101", "site_pat001_20030111", "site_pat002_20040101", "site_pat003_20050101"]
    petct.write_nnunet_layout(source, names)
    regex = "_(pat001|pat002|pat003)_"
    done = convert("autopet", source, "--patient-regex", regex, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert found_in(all_written(), {"site_", "pat00", "20030101", "2003", source}) == []
    assert len({entry["patient_key"] for entry in done.record["cases"].values()}) == 3
    assert sorted(e["days_after_first_study"] for e in done.record["cases"].values()) == [0, 0, 0, 10]


def test_of_unknown_patients_the_cases_have_pseudonyms(convert, tmp_path, petct, key, all_written):
    source = tmp_path / "own_scans"
    for folder in ("imagesTr", "labelsTr"):
        (source / folder).mkdir(parents=True)
    for seed in range(3):
        for stem, place in (
            ("CTres", "imagesTr/Anna{}_0000"),
            ("SUV", "imagesTr/Anna{}_0001"),
            ("SEG", "labelsTr/Anna{}"),
        ):
            sitk.WriteImage(petct.random_study(seed)[stem], str(source / f"{place.format(seed)}.nii.gz"))
    done = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert found_in(all_written(), {"anna", source}) == []
    assert all(NAME.fullmatch(case) for case in done.record["cases"])
    assert {entry["patient_key"] for entry in done.record["cases"].values()} == {None}


def patients(done) -> set[str]:
    return {entry["patient_key"] for entry in done.record["cases"].values()}


def test_a_patient_keeps_the_pseudonym_in_other_data_sets_and_by_other_spellings(convert, tmp_path, petct, key):
    first, second = tmp_path / "a", tmp_path / "b"
    for number in range(3):
        petct.write_study(first / f"PETCT_{number:010x}" / "01-01-2003-x", petct.random_study(number))
        petct.write_study(second / f"psma_{number:010x}" / "02-01-2003-y", petct.random_study(number + 10))
    one = convert("autopet", first, "--pseudonyms", key, sizes=(1, 1, 0))
    two = convert("autopet", second, "--pseudonyms", key, "-d", "706", name="U", sizes=(1, 1, 0))
    record = json.loads((two.dataset.parent / "Dataset706_U" / "muduo_cases.json").read_text())
    assert {entry["patient_key"] for entry in record["cases"].values()} == patients(one)
    assert {entry["days_after_first_study"] for entry in record["cases"].values()} == {
        31
    }  # from the day that the table has
    assert not record["cases"].keys() & one.record["cases"].keys()


def test_cases_can_be_added_and_earlier_ones_seen_before_have_negative_days(
    convert, nifti_source, petct, key, all_written
):
    source, telling = nifti_source
    before = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    files, old = before.files(), before.record["cases"]
    petct.write_study(source / "KH4711" / "03-22-2003-Z", petct.random_study(50))
    petct.write_study(source / "KH4719" / "03-22-2009-Z", petct.random_study(51))
    after = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    assert after.exit_code == 0, after.message
    new = after.record["cases"]
    assert {case: new[case] for case in old} == old
    assert sorted(new[case]["days_after_first_study"] for case in new.keys() - old.keys()) == [-1, 0]
    assert all(after.files()[name] == data for name, data in files.items() if name.endswith(".nii.gz"))
    assert found_in(all_written(), telling | {"03-22-2003"}) == []


def test_a_conversion_that_was_stopped_goes_on_and_its_journal_names_nobody(
    convert, nifti_source, key, all_written, monkeypatch
):
    source, telling = nifti_source
    from nnunetv2_muduo.conversion import convert as steps

    with monkeypatch.context() as patched:
        patched.setattr(steps, "plan", lambda *_: (_ for _ in ()).throw(RuntimeError("stopped")))
        assert convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0)).exit_code == 1
    contents = all_written()
    assert any("journal" in name for name in contents)
    assert found_in(contents, telling) == []
    plain = convert("autopet", source, sizes=(1, 1, 0))
    assert plain.exit_code == 1
    assert "was made with --pseudonyms" in plain.message
    assert convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0)).exit_code == 0


def test_own_names_and_pseudonyms_are_not_mixed(convert, nifti_source, key, tmp_path):
    source, _ = nifti_source
    files = convert("autopet", source, sizes=(1, 1, 0)).files()
    done = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "by their own names, which can't be mixed. Choose another -d" in done.message
    assert done.files() == files


def test_a_journal_of_own_names_is_not_continued_by_pseudonyms(convert, nifti_source, key, monkeypatch):
    from nnunetv2_muduo.conversion import convert as steps

    with monkeypatch.context() as patched:
        patched.setattr(steps, "plan", lambda *_: (_ for _ in ()).throw(RuntimeError("stopped")))
        convert("autopet", nifti_source[0], sizes=(1, 1, 0))
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    assert "can't be mixed" in done.message


def test_another_key_or_none_is_refused(convert, nifti_source, key):
    source, _ = nifti_source
    files = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0)).files()
    other = key.with_name("other.key")
    missing = convert("autopet", source, "--pseudonyms", other, sizes=(1, 1, 0))
    assert f"{other} is missing" in missing.message
    assert not other.exists()
    other.write_text("k" * 64)
    assert "by another key" in convert("autopet", source, "--pseudonyms", other, sizes=(1, 1, 0)).message
    done = convert("autopet", source, sizes=(1, 1, 0))
    assert "was made with --pseudonyms. Give the same key" in done.message
    assert done.files() == files


def test_key_and_table_are_for_their_owner_alone(convert, nifti_source, key):
    old = os.umask(0)
    try:
        done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
        convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    finally:
        os.umask(old)
    assert sorted(path.name for path in key.parent.iterdir()) == ["hospital.key", "hospital.key.table.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in key.parent.iterdir()} == {0o600}
    assert len(key.read_text().strip()) == 64
    table = json.loads((key.parent / "hospital.key.table.json").read_text())
    assert {p: entry["patient"] for p, entry in table["patients"].items()}.keys() == patients(done)
    assert {entry["patient"] for entry in table["patients"].values()} == {"KH4711", "KH4712", "KH4713"}
    assert "hospital.key.table.json" in done.message


def test_a_key_that_others_may_read_is_said(convert, nifti_source, key):
    key.write_text("k" * 64)
    key.chmod(0o644)
    assert f"chmod 600 {key}" in convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0)).message


@pytest.mark.parametrize("content", [b"", b"\n\n", b"secret", b"x" * 31, b" " * 80])
def test_short_keys_are_refused(convert, nifti_source, key, content):
    key.write_bytes(content)
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "a key has at least 32" in done.message
    assert not done.dataset.exists()


@pytest.mark.parametrize(
    "place", ["nnUNet_raw", "nnUNet_raw/Dataset705_T", "nnUNet_preprocessed", "nnUNet_results", "folder_link"]
)
def test_a_key_among_the_data_is_refused(convert, nifti_source, nnunet_folders, place):
    (nnunet_folders / "folder_link").symlink_to(nnunet_folders / "nnUNet_raw")
    key = nnunet_folders / place / "my.key"
    key.parent.mkdir(exist_ok=True)
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "Keep the key elsewhere" in done.message
    assert not key.exists()


def test_a_link_among_the_data_to_a_key_elsewhere_is_refused(convert, nifti_source, nnunet_folders, key):
    key.write_text("k" * 64)
    link = nnunet_folders / "nnUNet_raw" / "my.key"
    link.symlink_to(key)
    done = convert("autopet", nifti_source[0], "--pseudonyms", link, sizes=(1, 1, 0))
    assert "Keep the key elsewhere" in done.message
    assert [path.name for path in link.parent.iterdir()] == ["my.key"]


def test_the_screen_names_the_source_of_a_refused_case(convert, nifti_source, key, petct, all_written):
    source, telling = nifti_source
    images = petct.random_study(60, label_values=(1, 2, 3))
    petct.write_study(source / "KH4790" / "01-01-2004-X", images)
    done = convert("autopet", source, "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert re.search(r"\* p\S+: KH4790/01-01-2004-X: label map holds the values \[2, 3\]", done.message)
    assert found_in(all_written(), telling | {"KH4790"}) == []


def test_names_for_label_maps_are_those_of_the_source(convert, tmp_path, petct, key):
    for number in range(3):
        images = petct.random_study(number)
        del images["SEG"]
        petct.write_study(tmp_path / "src" / f"KH{number}" / "01-01-2004-X", images)
    done = convert("autopet", tmp_path / "src", "--pseudonyms", key, sizes=(1, 1, 0))
    assert re.search(r"named as the cases are, such as kh[0-2]_01-01-2004-x\.nii\.gz", done.message)


def test_a_key_in_no_folder_or_that_is_one_is_a_sentence(convert, nifti_source, tmp_path):
    missing = convert("autopet", nifti_source[0], "--pseudonyms", tmp_path / "nope" / "k", sizes=(1, 1, 0))
    assert (missing.exit_code, "is not there" in missing.message) == (1, True)
    folder = convert("autopet", nifti_source[0], "--pseudonyms", tmp_path, sizes=(1, 1, 0))
    assert (folder.exit_code, "is a folder" in folder.message) == (1, True)


def test_links_are_refused_since_they_name_the_source(convert, nifti_source, key):
    done = convert("autopet", nifti_source[0], "--link", "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "--link makes links that name the files" in done.message


def test_a_dry_run_writes_no_key_and_no_table(convert, nifti_source, key):
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, "--dry-run", sizes=(1, 1, 0))
    assert done.exit_code == 0, done.message
    assert list(key.parent.iterdir()) == []
    assert not done.dataset.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"key": 5}',
        '{"key": "x", "patients": {}, "cases": {}}',
        '{"key": "KEY", "patients": {"p": 1}, "cases": {}}',
    ],
)
def test_a_damaged_table_or_that_of_another_key_is_named(convert, nifti_source, key, content):
    key.write_text("k" * 64)
    table = key.with_name("hospital.key.table.json")
    table.write_text(content.replace("KEY", Pseudonyms(key, b"k" * 64).key_id))
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert str(table) in done.message


def test_two_patients_of_one_pseudonym_are_refused(convert, nifti_source, key, monkeypatch):
    monkeypatch.setattr(Pseudonyms, "of_patient", lambda self, patient_key: "p" + "0" * 12)
    done = convert("autopet", nifti_source[0], "--pseudonyms", key, sizes=(1, 1, 0))
    assert done.exit_code == 1
    assert "would both be called p000000000000, by chance. Choose another key" in done.message
    assert not any("images" in name for name in done.files())


def test_pseudonyms_are_hmac_sha256():
    import hashlib
    import hmac

    expected = hmac.new(b"k" * 32, b"patient:kh4711", hashlib.sha256).hexdigest()[:12]
    assert Pseudonyms(Path("key"), b"k" * 32).of_patient("kh4711") == f"p{expected}"
    assert Pseudonyms(Path("key"), b"l" * 32).of_patient("kh4711") != f"p{expected}"


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("01-23-2003-NA-PET-CT-12345", "2003-01-23"),
        ("2003-01-23_follow-up", "2003-01-23"),
        ("site_20030123", "2003-01-23"),
        ("01-23-2003-20040505-x", "2003-01-23"),
        ("13-45-2003-NA", None),
        ("study-12345678901", None),
        ("99991231", None),
        ("---NA", None),
        ("", None),
    ],
)
def test_dates_of_studies(name, day):
    found = study_date(name)
    assert (found and found.isoformat()) == day


def test_calls_at_the_same_time_lose_nobody(key):
    from concurrent.futures import ThreadPoolExecutor

    from nnunetv2_muduo.conversion.pseudonym_table import open_table, read_table

    key.write_text("k" * 64)

    def add(number: int) -> None:
        with open_table(key, "id") as table:
            table.add_patient(f"p{number}", f"patient{number}", [])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert len(read_table(key, "id").patients) == 40
