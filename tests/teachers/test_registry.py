"""The names that teachers can be asked for by."""

import subprocess
import sys

from nnunetv2_muduo.teachers.registry import TEACHERS, PublicTeacher, SmallTeacher


def test_registry_needs_no_torch():
    code = "import sys, nnunetv2_muduo.teachers.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_modality_has_a_public_and_a_small_teacher():
    for kind in (PublicTeacher, SmallTeacher):
        assert sorted(spec.modality for spec in TEACHERS.values() if isinstance(spec, kind)) == ["ct", "pet"]
