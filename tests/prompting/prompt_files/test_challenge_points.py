"""Clicks of autoPET IV in both of its forms: files written by hand, and the official ones."""

import json
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo.prompting.prompt_files.reader import read_prompts
from nnunetv2_muduo.prompting.space import ImageSpace

AUTOPET = {"tumor": [[42, 25, 30], [18, 25, 30]], "background": [[1, 2, 3]]}
POINTS = [{"point": place, "name": name} for name, places in AUTOPET.items() for place in places]
GRAND_CHALLENGE = {"version": {"major": 1, "minor": 0}, "type": "Multiple points", "points": POINTS}


def written(folder, content):
    file = folder / "clicks.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize("content", [AUTOPET, GRAND_CHALLENGE], ids=["autopet", "grand challenge"])
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL"])
def test_voxels_are_those_of_the_file(pet, tmp_path, content, orientation):
    image = sitk.DICOMOrient(pet, orientation)
    prompts = read_prompts(written(tmp_path, content), ImageSpace.of(image))
    expected = [image.TransformIndexToPhysicalPoint(v) for v in ((42, 25, 30), (18, 25, 30), (1, 2, 3))]
    np.testing.assert_allclose(np.concatenate([one.places_mm for one in prompts]), expected, atol=1e-6)
    assert [(one.kind, one.positive) for one in prompts] == [("point", True), ("point", True), ("point", False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"tumor": [[1, 2]]}, r"tumor\[0\].*three coordinates"),
        ({"tumor": [[1, 2, 3], [1, 2, "x"]]}, r"tumor\[1\].*three coordinates"),
        ({"tumor": [[1, 2, True]]}, r"tumor\[0\].*three coordinates"),
        ({"tumor": [[1, 2, [3]]]}, r"tumor\[0\].*three coordinates"),
        ({"tumor": {"x": 1}}, "tumor is no list"),
        ('{"tumor": [[1, 2, NaN]]}', r"tumor\[0\].*finite"),
        ('{"tumor": [[1, 2, -Infinity]]}', r"tumor\[0\].*finite"),
        ('{"tumor": [[1, 2, 1e300]]}', r"tumor\[0\].*at most 1e\+06"),
        ('{"tumor": [[1, 2, %s]]}' % ("9" * 400), r"tumor\[0\].*at most 1e\+06"),
        ('{"tumor": [[1, 2, %s]]}' % ("9" * 5000), "Exceeds the limit|digits"),
        ('{"tumor": ' + "[" * 100_000, "nested too deeply"),
        ('{"tumor": [[1, 2, 3]], "tumor": []}', "'tumor' stands twice"),
        ('{"tumor": [[1, 2, 3]', "no valid JSON"),
        ({"lesions": []}, "neither 'tumor'"),
        ({"tumor": [[1, 2, 3]] * 10_001}, "more than 10000 prompts"),
        ({"points": [{"name": "tumor"}]}, r"has no points\[0\].point"),
        ({"points": [{"point": [1, 2, 3], "name": "liver"}]}, r"points\[0\].name.*'liver'"),
        ({"points": [3]}, r"has no points\[0\].name"),
        ([1, 2], "an object"),
    ],
    ids=range(19),
)
def test_wrong_files_are_named_with_the_key(pet, tmp_path, content, message):
    file = written(tmp_path, content)
    with pytest.raises(ValueError, match=message) as error:
        read_prompts(file, ImageSpace.of(pet))
    assert str(file) in str(error.value)
    assert len(str(error.value)) < 600


def test_the_official_files(shared_data, tmp_path):
    """All 304 in both forms: the same clicks, of which no negative one is a positive one."""
    folder = shared_data / "autopet4_clicks"
    space = ImageSpace.of(sitk.Image((400, 400, 500), sitk.sitkUInt8))
    with zipfile.ZipFile(folder / "clicks.zip") as own, zipfile.ZipFile(folder / "clicks_grand_challenge.zip") as other:
        names = own.namelist()
        assert len(names) == 304
        for name in names:
            read = [read_prompts(written(tmp_path, archive.read(name).decode()), space) for archive in (own, other)]
            expected = json.loads(own.read(name))
            for prompts in read:
                for key, positive in (("tumor", True), ("background", False)):
                    voxels = [
                        space.file_voxels(one.places_mm)[0].tolist() for one in prompts if one.positive == positive
                    ]
                    assert voxels == expected[key], name
            assert not {*map(tuple, expected["tumor"])} & {*map(tuple, expected["background"])}, name


def test_official_clicks_hit_their_organ_map(shared_data, tmp_path):
    """On a real label map, with its own origin and direction: a place in mm is the voxel that was clicked."""
    organs = sorted((shared_data / "autopet3_organs").glob("*.nii.gz"))[0]
    with zipfile.ZipFile(shared_data / "autopet4_clicks" / "clicks.zip") as archive:
        content = archive.read(f"{organs.name.removesuffix('.nii.gz')}_clicks.json").decode()
    image = sitk.ReadImage(str(organs))
    prompts = read_prompts(written(tmp_path, content), ImageSpace.of(image))
    found = [list(image.TransformPhysicalPointToIndex(one.places_mm[0].tolist())) for one in prompts]
    assert found == [*json.loads(content)["tumor"], *json.loads(content)["background"]]
