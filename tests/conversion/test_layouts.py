"""The NIfTI layouts in which AutoPET is handed out, converted from generated trees with their real quirks."""

import gzip
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.conversion.case_check import check_case
from nnunetv2_muduo.conversion.layouts import find_cases

STUDY = "03-23-2003-NA-PET-CT Ganzkoerper nativ u. mit  KM-1044"


def test_autopet_tree(convert, petct, tmp_path):
    source = petct.write_tree(tmp_path / "src", 9, n_unlabeled=2)
    done = convert("autopet", source, "--copy", sizes=(3, 1, 1))
    assert done.exit_code == 0
    assert json.loads((done.dataset / "dataset.json").read_text()) == {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 4,
        "file_ending": ".nii.gz",
        "name": "T",
    }
    for folder, set_names in {
        "imagesTr": ("labeled", "val"),
        "imagesTs": ("test",),
        "imagesUn": ("unlabeled",),
    }.items():
        expected = [f"{i}_000{c}.nii.gz" for name in set_names for i in done.members(name) for c in (0, 1)]
        assert sorted(path.name for path in (done.dataset / folder).iterdir()) == sorted(expected)
    assert {path.name for path in (done.dataset / "labelsTs").iterdir()} == {
        f"{i}.nii.gz" for i in done.members("test")
    }
    assert not (done.dataset / "labelsUn").exists()
    for case_id, entry in done.record["cases"].items():
        for role, channel in (("ct", 0), ("pet", 1)):
            for copy in done.dataset.glob(f"images*/{case_id}_000{channel}.nii.gz"):
                assert copy.read_bytes() == open(entry["origin"][role], "rb").read()
                assert not copy.is_symlink()


def test_files_in_the_patients_folder_and_a_wrapping_folder(convert, petct, tmp_path):
    for number in range(4):
        petct.write_study(tmp_path / "flat" / f"STS_{number:03d}", petct.random_study(number))
    done = convert("autopet", tmp_path / "flat")
    assert sorted(done.record["cases"]) == [f"sts_{number:03d}" for number in range(4)]
    petct.write_tree(tmp_path / "outer" / "FDG-PET-CT-Lesions", 4)
    shutil.rmtree(done.dataset)
    done = convert("autopet", tmp_path / "outer", name="T")
    assert {entry["patient"] for entry in done.record["cases"].values()} == {f"PETCT_{n:010x}" for n in range(4)}


def test_autopet3_layout_with_its_own_masks(convert, petct, tmp_path):
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "src" / folder).mkdir(parents=True)
    (tmp_path / "src" / "splits_final.json").write_text("[]")
    names = [f"fdg_{n:010x}_{STUDY}{n}" for n in range(3)] + [f"psma_{n:016x}_2018-04-2{n}" for n in range(3)]
    names.append(f"fdg_{0:010x}_04-01-2004-NA-Unspecified CT ABDOMEN-27095")
    for number, name in enumerate(names):
        images = petct.random_study(number)
        sitk.WriteImage(images["CTres"], str(tmp_path / "src" / "imagesTr" / f"{name}_0000.nii.gz"))
        sitk.WriteImage(images["SUV"], str(tmp_path / "src" / "imagesTr" / f"{name}_0001.nii.gz"))
        sitk.WriteImage(images["SEG"], str(tmp_path / "src" / "labelsTr" / f"{name}.nii.gz"))
    done = convert("autopet", tmp_path / "src", sizes=(1, 1, 1))
    assert done.exit_code == 0
    assert len(done.record["cases"]) == 7
    assert len({entry["patient_key"] for entry in done.record["cases"].values()}) == 6
    assert "psma_0000000000000001_2018-04-21" in done.record["cases"]


def test_real_sarcoma_data(convert, shared_data):
    done = convert("autopet", shared_data / "sts", "--link", sizes=(5, 2, 3))
    assert done.exit_code == 0
    assert len(done.members("unlabeled")) == 31


def as_upper_case(path):
    path.rename(path.with_name(path.name.replace(".nii.gz", ".NII.GZ")))


def as_plain(path):
    path.write_bytes(gzip.decompress(path.read_bytes()))


def as_nii(path):
    path.with_name(path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()


def as_upper_case_nii(path):
    path.with_name(path.name.replace(".nii.gz", ".NII")).write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()


FORMS = [as_upper_case, as_plain, as_nii, as_upper_case_nii]


def write_flat(petct, source, names):
    for folder in ("imagesTr", "labelsTr"):
        (source / folder).mkdir(parents=True)
    for number, name in enumerate(names):
        for stem, file in (
            ("CTres", f"imagesTr/{name}_0000"),
            ("SUV", f"imagesTr/{name}_0001"),
            ("SEG", f"labelsTr/{name}"),
        ):
            sitk.WriteImage(petct.random_study(number)[stem], str(source / f"{file}.nii.gz"))
    return source


@pytest.mark.parametrize("how", ["--link", "--copy"])
@pytest.mark.parametrize("layout", ["tree", "imagesTr"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_nifti_file_is_converted_to_what_nnunet_reads(convert, petct, tmp_path, form, layout, how):
    source = tmp_path / "src"
    names = [f"p{number}" for number in range(4)]
    if layout == "tree":
        for number, name in enumerate(names):
            petct.write_study(source / name, petct.random_study(number))
    else:
        write_flat(petct, source, names)
    for path in sorted(source.rglob("*.nii.gz")):
        form(path)
    done = convert("autopet", source, how, sizes=(1, 1, 1))
    assert done.exit_code == 0, done.report
    assert sorted(done.record["cases"]) == names
    for name in ("labeled", "val", "test", "unlabeled"):
        (case_id,) = done.members(name)
        study = petct.random_study(names.index(case_id))
        written = [path for path in done.dataset.rglob(f"{case_id}*.nii.gz")]
        assert len(written) == 3 - (name == "unlabeled")
        for path in written:
            stem = {f"{case_id}_0000": "CTres", f"{case_id}_0001": "SUV"}.get(path.name.removesuffix(".nii.gz"), "SEG")
            np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), array_of(study[stem]))
            assert path.read_bytes()[:2] == b"\x1f\x8b"


def array_of(image):
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("layout", ["tree", "imagesTr"])
def test_files_of_macos_are_no_cases_and_refuse_none(petct, tmp_path, layout):
    source = tmp_path / "src"
    if layout == "tree":
        petct.write_study(source / "p0" / "study", petct.random_study(0))
        folder = source / "p0" / "study"
        shutil.copytree(source / "p0", source / "__MACOSX" / "p0")
        shutil.copytree(folder, source / "p0" / "._study")
    else:
        folder = write_flat(petct, source, ["p0"]) / "imagesTr"
        (source / "labelsTr" / "._p0.nii.gz").write_bytes(b"\0\x05\x16\x07")
    for path in sorted(folder.glob("*.nii.gz")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\x05\x16\x07")
    (folder / ".DS_Store").write_bytes(b"Bud1")
    (case,) = find_cases(source)
    assert not case.problem
    assert not case.remark
    assert case.label is not None
    assert "problem" not in check_case(case)


@pytest.mark.parametrize("ending", [".hdr", ".img", ".nrrd", ".mha"])
@pytest.mark.parametrize("stem", ["CTres", "SUV", "SEG"])
def test_images_in_another_format_are_named(petct, tmp_path, stem, ending):
    folder = petct.write_study(tmp_path / "tree" / "p0", petct.random_study(0))
    flat = write_flat(petct, tmp_path / "flat", ["p0"])
    of_flat = {"CTres": "imagesTr/p0_0000", "SUV": "imagesTr/p0_0001", "SEG": "labelsTr/p0"}[stem]
    for path in (folder / stem, flat / of_flat):
        path.with_name(f"{path.name}.nii.gz").rename(path.with_name(f"{path.name}{ending}"))
        (case,) = find_cases(path.parents[1])
        said = case.remark if stem == "SEG" else case.problem
        assert f"{path}{ending} is not read, since it is no single NIfTI file: save it as .nii.gz" in said
        assert (case.problem == "") == (stem == "SEG")


def test_a_folder_with_images_in_another_format_alone_says_so(petct, tmp_path):
    folder = petct.write_study(tmp_path / "tree" / "p0", petct.random_study(0))
    for path in sorted(folder.iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", ".img")))
    with pytest.raises(FileNotFoundError, match=r"No PET/CT found.*p0/CTres\.img is not read.*save it as \.nii\.gz\.$"):
        find_cases(tmp_path / "tree")


@pytest.mark.parametrize("doubled", ["imagesTr/p0_0000", "imagesTr/p0_0001", "labelsTr/p0"])
def test_two_files_for_one_image_are_refused(petct, tmp_path, doubled):
    source = write_flat(petct, tmp_path, ["p0", "p1"])
    shutil.copy(source / f"{doubled}.nii.gz", source / f"{doubled}.nii")
    one, other = find_cases(source)
    assert f"2 files for one {doubled.rpartition('_')[2] if '_' in doubled else 'p0'}" in one.problem
    assert not other.problem
