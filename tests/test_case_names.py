"""Names of cases: what a path, a shell or an option is made of is refused."""

import pytest

from nnunetv2_muduo.case_names import is_safe_file_name, is_safe_name


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


@pytest.mark.parametrize("name", ["two words", "two  blanks", "Müller 2001 a", "case_1", "a b c"])
def test_names_of_files_may_have_blanks_between_words(name):
    assert is_safe_file_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a ../b", "a -b", "../a b", "a/ b", "a\tb", "a\nb", "a; b", "$a b"]
)
def test_odd_names_of_files(name):
    assert not is_safe_file_name(name)
