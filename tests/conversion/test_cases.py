import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_muduo.conversion.cases import Case, match_key, patient_key, safe_name, split_autopet_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PETCT_0011f3deaf", "petct_0011f3deaf"),
        (
            "03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445",
            "03-23-2003-na-pet-ct-ganzkoerper-primaer-mit-km-10445",
        ),
        ("nativ u. mit KM", "nativ-u-mit-km"),
        ("$(rm -rf ~);'x'", "rm-rf-x"),
        ("", ""),
    ],
)
def test_safe_name_of_real_names(text, expected):
    assert safe_name(text) == expected


@given(st.text(max_size=300))
def test_safe_name_is_safe_stable_and_short(text):
    name = safe_name(text)
    assert re.fullmatch(r"[a-z0-9_-]*", name)
    assert len(name) <= 160
    assert safe_name(text) == name


def test_names_that_ascii_cannot_show_stay_apart():
    names = {safe_name(text) for text in ("王伟", "李娜", "李娜 2")}
    assert len(names) == 3
    assert all(names)
    assert safe_name("Müller") == "muller"
    assert safe_name("a" * 200) != safe_name("a" * 201)


def test_editions_of_autopet_name_the_same_case():
    study = "03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445"
    assert split_autopet_name(f"PETCT_0011f3deaf_{study}_") == ("PETCT_0011f3deaf", study)
    keys = {match_key(f"{prefix}_0011f3deaf", study) for prefix in ("PETCT", "fdg")}
    assert len(keys) == 1
    assert patient_key("psma_95b833d65be26d9f") == "95b833d65be26d9f"
    assert split_autopet_name("STS_001") is None


def test_case_in_the_patients_own_folder_is_named_after_the_patient():
    assert Case("STS_001", "", None, None).case_id == "sts_001"
