"""Images that are sent: read as files are, bounded before they are unpacked, and refused with the sender's name for them."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.prompting.server import uploads


def send(client, modality, data, name="scan.nii.gz"):
    return client.upload(f"/api/upload?of={modality}&name={name}", data)


def packed(shape, values=0.0):
    return gzip.compress(nibabel.Nifti1Image(np.full(shape, values, np.float32), np.eye(4)).to_bytes())


def test_pet_and_ct_are_opened_together(empty_client, study):
    for modality, file in (("pet", "SUV.nii.gz"), ("ct", "CTres.nii.gz")):
        assert send(empty_client, modality, (study / file).read_bytes(), file)[0] == 200
    image = empty_client.try_open("ct", "pet")[2]["image"]
    assert (image["name"], sorted(image["volumes"])) == ("SUV", ["ct", "pet"])
    assert list(empty_client.folder.iterdir()) == []
    assert empty_client.try_open("pet")[0] == 409


def test_an_unpacked_file_is_known_by_its_content(empty_client, study):
    assert send(empty_client, "pet", gzip.decompress((study / "SUV.nii.gz").read_bytes()), "x.nii.gz")[0] == 200
    assert empty_client.try_open("pet")[2]["image"]["name"] == "x"


def test_a_ct_of_another_grid_is_shown_on_the_pets(empty_client, study, tmp_path):
    pet = sitk.ReadImage(str(study / "SUV.nii.gz"))
    small = sitk.Shrink(sitk.ReadImage(str(study / "CTres.nii.gz")), (2, 2, 2))
    sitk.WriteImage(small, str(tmp_path / "ct.nii.gz"))
    send(empty_client, "pet", (study / "SUV.nii.gz").read_bytes())
    send(empty_client, "ct", (tmp_path / "ct.nii.gz").read_bytes())
    image = empty_client.try_open("pet", "ct")[2]["image"]
    assert image["shape_zyx"] == list(pet.GetSize()[::-1])
    assert len(empty_client.ask("/api/volume?of=ct")[2]) == 2 * np.prod(pet.GetSize())


def test_an_image_without_a_teacher_for_it_alone_is_refused(empty_client, study):
    send(empty_client, "ct", (study / "CTres.nii.gz").read_bytes())
    status, _, answer = empty_client.try_open("ct")
    assert (status, answer["error"]) == (422, "The teacher here is for PET: open such an image.")


NO_IMAGES = {
    "empty": (b"", "can't be read"),
    "two bytes of gzip": (b"\x1f\x8b", "can't be read"),
    "text": (b"no image at all", "can't be read"),
    "MetaImage that names a file": (b"ObjectType = Image\nElementDataFile = /etc/passwd\n", "can't be read"),
    "NRRD that names a file": (b"NRRD0004\ndata file: /etc/passwd\n\n", "can't be read"),
    "torn": (packed((4, 4, 4))[:-20], "can't be read"),
    "NaN": (packed((4, 4, 4), np.nan), "not finite"),
    "4D": (packed((4, 4, 4, 2)), "no 3D volume"),
    "30000": (packed((9, 9, 9), 30000.0), "SUV"),
}


@pytest.mark.parametrize(("data", "said"), NO_IMAGES.values(), ids=NO_IMAGES)
def test_what_is_no_image_in_suv_is_refused_by_its_own_name(client, data, said):
    before = client.ask("/api/state")[2]
    assert send(client, "pet", data, "my%20scan.nii.gz")[0] == 200
    status, _, answer = client.try_open("pet")
    assert status == 422
    assert said in answer["error"]
    assert "my scan" in answer["error"]
    assert str(client.folder) not in answer["error"]
    assert client.ask("/api/state")[2] == before
    assert list(client.folder.iterdir()) == []


def test_a_header_of_too_many_voxels_is_refused_before_anything_is_unpacked(empty_client, monkeypatch):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((2000, 2000, 2000))
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    monkeypatch.setattr(uploads, "read_image", None)
    send(empty_client, "pet", gzip.compress(header.binaryblock + bytes(4)))
    status, _, answer = empty_client.try_open("pet")
    assert status == 422
    assert "2000 x 2000 x 2000 voxels" in answer["error"]


def test_a_file_that_unpacks_to_far_more_than_it_says_is_refused(empty_client, monkeypatch):
    monkeypatch.setattr(uploads, "read_image", None)
    bomb = gzip.decompress(packed((4, 4, 4))) + bytes(64 * 2**20)
    send(empty_client, "pet", gzip.compress(bomb))
    status, _, answer = empty_client.try_open("pet")
    assert status == 422
    assert "more than its header says" in answer["error"]


def test_an_upload_that_breaks_off_is_forgotten(client):
    head = f"POST /api/upload?of=pet HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n"
    head += "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nabc"
    assert client.raw(head.encode()).startswith(b"HTTP/1.1 400 ")
    assert client.try_open("pet")[0] == 409
    assert list(client.folder.iterdir()) == []


@pytest.mark.parametrize("modality", ["", "mri", "../pet", "pet/../../x"])
def test_an_upload_is_a_pet_or_a_ct(client, modality):
    assert send(client, modality, b"x")[0] == 400
    assert list(client.folder.iterdir()) == []


@pytest.mark.parametrize("images", [[], ["mri"], [1], [[]], [None], ["pet", "ct"]])
def test_only_what_was_uploaded_is_opened(client, study, images):
    assert send(client, "pet", (study / "SUV.nii.gz").read_bytes())[0] == 200
    assert client.try_open(*images)[0] == 409
    assert client.try_open("pet", "pet")[0] == 200
