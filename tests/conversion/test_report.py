"""What the report of a conversion says."""

import shutil
from itertools import pairwise

import pytest
import SimpleITK as sitk
from fixtures.conversion import write_organ_maps


def test_sides_that_are_mixed_up_are_reported(convert, petct, tmp_path):
    """random_study puts value 2 and 3 at the same x, so left is never left of right."""
    source = petct.write_tree(tmp_path / "src", 4)
    labels = write_organ_maps(tmp_path / "maps", source, range(1, 13))
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 0 of 5 maps**: sides are mixed up" in done.report
    for path in labels.iterdir():
        image = sitk.ReadImage(str(path))
        image[8:10, 3, 5] = 2  # the index axis x points to the left
        sitk.WriteImage(image, str(path))
    shutil.rmtree(done.dataset)
    done = convert("autopet-organ", source, "--labels", labels)
    assert "kidney_left lies left of kidney_right in 5 of 5 maps\n" in done.report


def test_names_of_a_source_are_texts_in_the_report(convert, petct, tmp_path):
    """Whatever they hold, a reader of Markdown shows them as they are."""
    parse = pytest.importorskip("markdown_it", reason="an independent reader of Markdown").MarkdownIt().parse
    source = petct.write_tree(tmp_path / "src", 4)
    odd = petct.write_study(
        source / "PETCT_# *a* `b` _c_ | [d](e) <f>\n# g" / "01-23-2003-study", petct.random_study(7)
    )
    (odd / "SUV.nii.gz").write_bytes(b"no image")
    tokens = parse(convert("autopet", source).report)
    texts = ["".join(part.content for part in token.children) for token in tokens if token.type == "inline"]
    kinds = {part.type for token in tokens if token.type == "inline" for part in token.children}
    assert any("PETCT_# *a* `b` _c_ | [d](e) <f> # g" in text for text in texts), texts
    assert not {"code_inline", "link_open", "em_open", "html_inline"} & kinds
    headings = [text.content for mark, text in pairwise(tokens) if mark.type == "heading_open"]
    assert not any("g" == heading for heading in headings)
