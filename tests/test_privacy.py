"""Paths lose all but their last part, wherever they stand; everything else stays."""

from pathlib import Path

import pytest

from nnunetv2_muduo.privacy import without_paths

PATHS = {
    "/home/anna/weights/sam.pth": "sam.pth",
    "/home/Dr. Anna M/my weights/sam med.pth": "sam med.pth",
    "/data": "data",
    "/data/": "data",
    "/": "",
    "~/weights/sam.pth": "sam.pth",
    "C:\\Users\\anna\\sam.pth": "sam.pth",
    "D:/Users/anna/sam.pth": "sam.pth",
    "\\\\server7\\share\\sam.pth": "sam.pth",
    "made from /home/anna/x.json, twice": "made from x.json, twice",
    "see (/scratch/job7/y) and file:///home/anna/z": "see (y) and z",
    "a=/mnt/b/c": "a=c",
    "from C:\\Users\\anna\\x.json": "from x.json",
    "at ~/x and ~anna/y/z": "at x and z",
    "first\n/home/anna/x\nlast": "first\nx\nlast",
}
OTHERS = [
    "liver", "3d_fullres", "https://doi.org/10.1000/182", "and/or", "nnunetv2.imageio.simpleitk_reader_writer", "1/2", "g/ml",
    "imagesTr/case_0000.nii.gz", "", "CT", "CC BY 4.0", "hub:org/name/file.pth", "a ~ b", ".nii.gz", "kidney/left/upper",
]  # fmt: skip


@pytest.mark.parametrize(("text", "left"), PATHS.items())
def test_the_last_part_of_a_path_is_left(text, left):
    assert without_paths(text) == left


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_path_stays(text):
    assert without_paths(text) == text


def test_in_every_place_of_a_file():
    content = {"/a/b/c": [1, None, 2.5, True, ("/x/y", {"k": Path("/home/anna/z")})], "n": "small"}
    assert without_paths(content) == {"c": [1, None, 2.5, True, ("y", {"k": "z"})], "n": "small"}
