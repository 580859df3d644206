"""Files of an evaluation."""

import hashlib
import json

import pytest
from fixtures.evaluation import evaluate


def test_json_has_versions_settings_and_hashes(folders):
    assert evaluate(folders, "--tolerance", 2.5) == 0
    content = json.loads((folders / "out" / "metrics.json").read_text(), parse_constant=pytest.fail)
    file = folders / "pred" / "b.nii.gz"
    assert content["inputs"]["sha256"]["pred"]["b"]["prediction"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert content["settings"]["tolerances"]["mm"] == 2.5
    assert {"python", "nnunetv2_muduo", "scipy"} <= content["versions"].keys()
    assert content["summary"]["pred"]["spleen"]["dice"]["n"] == 2
    assert len(content["cases"]) == 6
    assert "published" not in content
