"""An answer is trusted for a while; when nobody answers, the known stays known and the unknown stays unknown."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.crypto import Keyring
from app.core.ids import new_id
from app.tenancy import registry as registry_module
from app.tenancy.errors import RegistryUnavailable, UnknownHospital
from app.tenancy.models import HospitalStatus
from app.tenancy.registry import HospitalEntry, Registry, Whereabouts


class Scripted(Registry):
    """A registry over a list of codes instead of a database, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0
        self.there: dict[str, HospitalEntry] = {}
        self.fault: Exception | None = None
        self.asked = 0
        super().__init__(Keyring({"k": b"k" * 32}), 5, monotonic=lambda: self.time)

    def _read(self, condition: sa.ColumnElement[bool]) -> HospitalEntry | None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        wanted: Any = condition.compile().params
        return self.there.get(next(iter(wanted.values())))


def entry(code: str, status: HospitalStatus = HospitalStatus.ACTIVE) -> HospitalEntry:
    return HospitalEntry(new_id(), code, code, status, None, "Asia/Ho_Chi_Minh", "vi", None, False, None)


@pytest.fixture
def registry() -> Scripted:
    made = Scripted()
    made.there["alpha"] = entry("alpha")
    return made


AWAY = OperationalError("SELECT", {}, Exception("gone"))


def test_an_answer_is_asked_for_once_while_it_is_trusted(registry: Scripted) -> None:
    for _ in range(3):
        registry.get_by_code("alpha")
    assert registry.asked == 1


def test_an_answer_is_asked_for_anew_when_its_time_is_over(registry: Scripted) -> None:
    registry.get_by_code("alpha")
    registry.there["alpha"] = entry("alpha", HospitalStatus.SUSPENDED)
    registry.time = 5.1
    assert registry.get_by_code("alpha").status is HospitalStatus.SUSPENDED


def test_what_is_forgotten_is_asked_for_at_once(registry: Scripted) -> None:
    registry.get_by_code("alpha")
    registry.there["alpha"] = entry("alpha", HospitalStatus.SUSPENDED)
    registry.forget()
    assert registry.get_by_code("alpha").status is HospitalStatus.SUSPENDED


def test_that_a_code_is_unknown_is_remembered_as_long(registry: Scripted) -> None:
    for _ in range(3):
        with pytest.raises(UnknownHospital):
            registry.get_by_code("gamma")
    assert registry.asked == 1
    registry.there["gamma"] = entry("gamma")
    registry.time = 5.1
    assert registry.get_by_code("gamma").code == "gamma"


@pytest.mark.parametrize("fault", [AWAY, PoolTimeout("no connection left")])
def test_the_known_goes_on_while_the_centre_is_away(registry: Scripted, fault: Exception) -> None:
    registry.get_by_code("alpha")
    registry.forget()
    registry.fault = fault
    assert registry.get_by_code("alpha").code == "alpha"


def test_nobody_waits_for_the_centre_twice_in_a_row(registry: Scripted) -> None:
    registry.get_by_code("alpha")
    registry.forget()
    registry.fault, registry.asked = AWAY, 0
    for _ in range(3):
        registry.get_by_code("alpha")
    assert registry.asked == 1


def test_the_unknown_is_not_guessed_while_the_centre_is_away(registry: Scripted) -> None:
    with pytest.raises(UnknownHospital):
        registry.get_by_code("gamma")
    registry.forget()
    registry.fault = AWAY
    for code in ("gamma", "delta"):
        with pytest.raises(RegistryUnavailable):
            registry.get_by_code(code)


def test_unknown_codes_do_not_fill_the_memory(registry: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "MOST_KNOWN", 5)
    for number in range(20):
        with pytest.raises(UnknownHospital):
            registry.get_by_code(f"nowhere-{number}")
    assert len(registry._known) == 5
    registry.get_by_code("alpha")
    registry.get_by_code("alpha")
    assert registry.asked == 21


def test_a_code_and_a_domain_of_the_same_letters_are_two_things(registry: Scripted) -> None:
    registry.get_by_code("alpha")
    registry.there.clear()
    with pytest.raises(UnknownHospital):
        registry.get_by_domain("alpha")


def test_a_place_is_shown_without_its_password() -> None:
    place = Whereabouts("db", 5432, "prefer", "vh_1", "vh_2", "hunter2", rotated_at=sa.func.now())  # type: ignore[arg-type]
    assert "hunter2" not in repr(place)
    assert "hunter2" not in f"{entry('alpha')} {place}"
