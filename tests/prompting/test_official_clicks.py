"""autoPET IV's clicks: files and archives, the official ones, and wrong ones that are named."""

import json
import zipfile

import pytest

from nnunetv2_muduo.prompting.official_clicks import MOST_BYTES, CaseClicks, read_official_clicks

CLICKS = {"tumor": [[30, 12, 8], [31, 12, 8]], "background": [[0, 0, 0]]}
READ = {"fdg_1": CaseClicks([(30, 12, 8), (31, 12, 8)], [(0, 0, 0)])}


def archive_with(path, text):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/fdg_1_clicks.json", text)
        archive.writestr("readme.txt", "no clicks")
    return path


def test_a_folder_of_files(tmp_path):
    (tmp_path / "fdg_1_clicks.json").write_text(json.dumps(CLICKS))
    assert read_official_clicks(tmp_path) == READ


def test_an_archive_by_its_name_or_in_its_folder(tmp_path):
    archive = archive_with(tmp_path / "clicks.zip", json.dumps(CLICKS))
    assert read_official_clicks(archive) == read_official_clicks(tmp_path) == READ


def test_a_folder_without_clicks_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected NAME_clicks\.json"):
        read_official_clicks(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no list of 'tumor'"),
        ('{"tumor": []}', "no list of 'background'"),
        ('{"tumor": [[1, 2]], "background": []}', r"tumor\[0\]"),
        ('{"tumor": [], "background": [[1, 2, 3], [1, NaN, 3]]}', r"background\[1\]"),
        ('{"tumor": [[1, 2, -1]], "background": []}', r"tumor\[0\]"),
        ('{"tumor": [[1, 2, 1e9]], "background": []}', r"tumor\[0\]"),
        (" " * (MOST_BYTES + 1), "more than"),
    ],
    ids=range(9),
)
def test_wrong_files_are_named(tmp_path, text, message):
    archive = archive_with(tmp_path / "some.zip", text)
    with pytest.raises(ValueError, match=message) as error:
        read_official_clicks(archive)
    assert str(archive) in str(error.value)
    assert "fdg_1_clicks.json" in str(error.value)


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "clicks.zip").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"clicks\.zip can't be read"):
        read_official_clicks(tmp_path)


def test_the_official_clicks(shared_data):
    clicks = read_official_clicks(shared_data / "autopet4_clicks" / "clicks.zip")
    assert len(clicks) == 304
    assert {len(of.background) for of in clicks.values()} == {10}
    assert {len(of.tumor) for of in clicks.values()} == {0, 10}
