"""Names in shared places begin with whose they are."""

from __future__ import annotations

import pytest

from app.core.keys import shared_name


def test_a_hospitals_name_begins_with_its_code() -> None:
    assert shared_name("alpha", "patient", "limit", 7) == "alpha:patient:limit:7"


def test_what_belongs_to_no_hospital_stands_under_the_platform() -> None:
    assert shared_name(None, "admin", "limit") == "platform:admin:limit"


@pytest.mark.parametrize(("hospital", "portal"), [("alpha:patient", "x"), ("alpha", "a:b"), ("alpha", "")])
def test_nobody_can_write_a_name_that_reads_as_somebody_elses(hospital: str, portal: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        shared_name(hospital, portal, "x")


def test_two_hospitals_never_share_a_name() -> None:
    assert shared_name("alpha", "hospital", "x") != shared_name("beta", "hospital", "x")
