"""An archived hospital is kept whole and reached by nobody, until it is brought back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.core import clock
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.credentials.errors import NothingToRotate
from app.tenancy.credentials.findings import stored_findings
from app.tenancy.credentials.isolation import CHECK_ISOLATION, find_latest_check
from app.tenancy.credentials.rotation import ROTATE_HOSPITAL
from app.tenancy.ending.archiving import request_archiving, request_unarchiving
from app.tenancy.engines import connect
from app.tenancy.errors import HospitalArchived, HospitalSuspended
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Backup, HospitalStatus
from app.tenancy.operations import NotInThisState, resume_hospital
from app.tenancy.queries import get_hospital
from tests.integration.tenancy.ending.conftest import archive, asked, hospital_of, prepare, status_of, suspend
from tests.support.platform import ACTOR, Platform

pytestmark = pytest.mark.xdist_group("whole server")


def rows_of(platform: Platform, code: str) -> dict[str, int]:
    return platform.rows_of(code)


@pytest.mark.parametrize("suspended", [False, True])
def test_archiving_keeps_everything_and_lets_nobody_in(gamma: str, platform: Platform, suspended: bool) -> None:
    place = tenancy().registry.get_by_code(gamma).whereabouts
    before = platform.rows_of(gamma)
    if suspended:
        suspend(gamma)
    result = archive(gamma)
    hospital = hospital_of(gamma)
    assert hospital.status is HospitalStatus.ARCHIVED
    assert hospital.archived_at is not None
    with unit_of_work() as session:
        backup = session.get_one(Backup, result["backup"])
        assert backup.verified_at is not None
        assert backup.pinned_until is not None
        assert backup.pinned_until > clock.now() + timedelta(days=360)
    assert place is not None
    with pytest.raises(psycopg.OperationalError):
        connect(place, 5)
    with pytest.raises(HospitalArchived), bind_hospital(gamma):
        pass
    assert platform.rows_of(gamma) == before


def test_what_is_brought_back_is_suspended_first_and_serves_when_it_is_resumed(gamma: str, platform: Platform) -> None:
    before = platform.rows_of(gamma)
    archive(gamma)
    perform(asked(request_unarchiving, gamma))
    assert (status_of(gamma), hospital_of(gamma).archived_at) == (HospitalStatus.SUSPENDED, None)
    tenancy().registry.forget()
    with pytest.raises(HospitalSuspended), bind_hospital(gamma):
        pass
    with unit_of_work():
        resume_hospital(ACTOR, gamma)
    with bind_hospital(gamma), unit_of_work():
        pass
    assert platform.rows_of(gamma) == before


def test_the_archives_own_backup_is_enough_to_prepare_a_deletion(gamma: str) -> None:
    archived = archive(gamma)
    assert prepare(gamma)["backup"] == archived["backup"]


def test_a_backup_that_fails_leaves_the_hospital_suspended_and_whole(
    gamma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoRoom(VienError):
        default_message = "no room"

    def fail(*_args: Any, **_facts: Any) -> None:
        raise NoRoom

    with monkeypatch.context() as patched:
        patched.setattr("app.tenancy.backups.backing_up.write_backup", fail)
        with pytest.raises(NoRoom):
            archive(gamma)
    hospital = hospital_of(gamma)
    assert (hospital.status, hospital.paused_at) == (HospitalStatus.SUSPENDED, None)
    with unit_of_work():
        resume_hospital(ACTOR, gamma)
    with bind_hospital(gamma), unit_of_work():
        pass


def test_the_archive_holds_the_isolation_of_the_others_and_has_no_credentials_to_replace(
    gamma: str, platform: Platform
) -> None:
    archive(gamma)
    with unit_of_work():
        check = request_operation(ACTOR, CHECK_ISOLATION, arguments={"full": True}, wake=False).id
        rotate = request_operation(ACTOR, ROTATE_HOSPITAL, hospital=get_hospital(gamma), wake=False).id
    perform(check)
    with unit_of_work():
        found = find_latest_check()
        assert found is not None
        holes = stored_findings(found.findings)
    assert [hole for hole in holes if not platform.is_elsewhere(hole.object, hole.subject)] == []
    with pytest.raises(NothingToRotate):
        perform(rotate)


def test_only_what_is_archived_comes_back_and_only_what_is_not_is_archived(gamma: str, context: Flask) -> None:
    with pytest.raises(NotInThisState):
        asked(request_unarchiving, gamma)
    archive(gamma)
    with pytest.raises(NotInThisState):
        asked(request_archiving, gamma, "Nữa")
