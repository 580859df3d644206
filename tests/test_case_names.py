"""Names of cases: what a path, a shell or an option is made of is refused."""

import pytest

from nnunetv2_muduo.case_names import is_safe_name


@pytest.mark.parametrize(
    "name", ["fdg_00aa_2001", "a", "A-1.2", "@x", "=x", "+x", "Ärztin_1", "患者1", "x,y", "1.2.840.10008"]
)
def test_names_of_cases(name):
    assert is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".x", "-x", "../x", "a/b", "a\\b", "/etc", "a b", "a\n", "a;b", "a$b", "a`b", "a*", "a'b", "\0"],
)
def test_odd_names(name):
    assert not is_safe_name(name)
