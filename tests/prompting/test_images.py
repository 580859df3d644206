"""Images in another unit than the teacher's."""

import pytest
from fixtures.prompting import session_on


def test_images_in_other_units_are_refused(pet):
    with pytest.raises(ValueError, match="Bq/ml"):
        session_on(pet * 5000)
    with pytest.raises(ValueError, match="HU"):
        session_on(pet, "small_ct")
