"""What belongs to access in the small world: requests about data, emergencies, holds, alerts, passkeys, grants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import hash_token
from app.domain.access.models import EmergencyAccess
from app.domain.appointments.models import DoctorSchedule
from app.domain.identity.models import PatientSession, StaffSession
from app.domain.identity.proofs import Passkey
from app.domain.longwork.models import LongWork, LongWorkState
from app.domain.privacy.models.breaches import AddedBy, Breach, BreachAffected
from app.domain.privacy.models.erasing import LegalHold
from app.domain.privacy.models.requests import DataRequest, RequestKind, RequestVia
from app.domain.security.models import HospitalAlert, HospitalAlertRule
from app.domain.support.models import SupportGrant
from app.domain.support.rules import GRANTABLE_CODES
from app.tenancy.models import OperatorRole, Risk
from app.tenancy.models.support import SupportState
from tests.factories.people import department_id
from tests.support.fixed_ids import fixed_id

# Numbers of fixed ids: those of a patient are added to the patient's own.
REQUEST, EMERGENCY, HOLD, PATIENT_SESSION, PATIENT_PASSKEY = range(50, 55)
ALERT, BREACH, STAFF_SESSION, STAFF_PASSKEY, SCHEDULE, ASKED, GRANTED = range(701, 708)
LONG_WORK = 720
OPERATORS = 800  # the first operator's; the others follow in the order of their roles
VISITOR = OPERATORS + list(OperatorRole).index(OperatorRole.SUPPORT)

MakeId = Callable[[int], UUID]


def build_access_of_patient(make_id: MakeId, patient_id: UUID, account_id: UUID, reader_id: UUID, word: str) -> None:
    """Give a patient a request, an emergency that is over, a legal hold, a browser and a passkey."""
    now = clock.now()
    request = DataRequest(
        id=make_id(REQUEST), patient_id=patient_id, kind=RequestKind.RECTIFICATION, via=RequestVia.PORTAL, wish=word,
        received_at=now, reply_by=now + timedelta(days=2), due_at=now + timedelta(days=10),
    )  # fmt: skip
    emergency = EmergencyAccess(
        id=make_id(EMERGENCY), staff_id=reader_id, staff_name=f"Nhân viên {word}", patient_id=patient_id,
        reason=f"Cấp cứu {word}", begun_at=now - timedelta(hours=2), expires_at=now - timedelta(hours=1), ended_at=now,
        review_by=now + timedelta(days=3),
    )  # fmt: skip
    hold = LegalHold(id=make_id(HOLD), patient_id=patient_id, reason=f"Tranh chấp {word}", placed_by_name=word)
    browser = PatientSession(id=make_id(PATIENT_SESSION), patient_user_id=account_id, **_browser(word, now))
    passkey = Passkey(id=make_id(PATIENT_PASSKEY), patient_user_id=account_id, **_passkey(word, now))
    db.session.add_all([request, emergency, hold, browser, passkey])
    db.session.flush()


def build_access_of_hospital(make_id: MakeId, doctor_id: UUID, patient_id: UUID, canary: str) -> UUID:
    """Give a hospital an alert, a breach, a doctor's browser, passkey, hours and grants; return a rule of alerts."""
    now = clock.now()
    rule_id = db.session.scalars(sa.select(HospitalAlertRule.id).order_by(HospitalAlertRule.id).limit(1)).one()
    alert = HospitalAlert(
        id=make_id(ALERT), rule_id=rule_id, key=str(make_id(ALERT)), severity=Risk.HIGH, opened_at=now,
        first_event_at=now, last_event_at=now, events=1,
    )  # fmt: skip
    breach = Breach(
        id=make_id(BREACH), title=canary, what=canary, categories=["identity"], discovered_at=now,
        notify_by=now + timedelta(hours=72),
    )  # fmt: skip
    hours = DoctorSchedule(
        id=make_id(SCHEDULE), doctor_id=doctor_id, department_id=department_id(), weekday=0, starts=time(18),
        ends=time(19), slot_minutes=30, valid_from=date(2020, 1, 1),
    )  # fmt: skip
    browser = StaffSession(id=make_id(STAFF_SESSION), staff_id=doctor_id, **_browser(canary, now))
    passkey = Passkey(id=make_id(STAFF_PASSKEY), staff_id=doctor_id, **_passkey(canary, now))
    db.session.add_all(
        [alert, breach, hours, browser, passkey, _grant(make_id(ASKED)), _grant(make_id(GRANTED), canary)]
    )
    db.session.flush()
    db.session.add(
        LongWork(
            id=make_id(LONG_WORK),
            kind="patients.export",
            state=LongWorkState.FAILED,
            arguments={"form": "csv"},
            requested_by_kind="staff",
            requested_by=doctor_id,
            requested_by_name=canary,
            error=canary,
            finished_at=now,
        )
    )
    db.session.add(BreachAffected(breach_id=breach.id, patient_id=patient_id, added_by=AddedBy.HAND))
    db.session.flush()
    return rule_id


def _grant(grant_id: UUID, granted_by: str | None = None) -> SupportGrant:
    now = clock.now()
    facts: dict[str, Any] = {"state": SupportState.ASKED}
    if granted_by:
        facts = {
            "state": SupportState.GRANTED,
            "decided_at": now,
            "hours": 4,
            "expires_at": now + timedelta(hours=4),
            "permissions": sorted(GRANTABLE_CODES),
        }
    return SupportGrant(
        id=grant_id, operator_id=fixed_id(VISITOR), operator_name="Vận hành Thử", reason="Trang lịch khám báo lỗi",
        hours_asked=4, asked_at=now, received_at=now, **facts,
    )  # fmt: skip


def _browser(word: str, now: datetime) -> dict[str, Any]:
    later = now + timedelta(hours=8)
    agent = {"user_agent": f"Trình duyệt {word}", "token_hash": hash_token(str(uuid4()))}
    return {"created_at": now, "last_seen_at": now, "expires_at": later, **agent}


def _passkey(word: str, now: datetime) -> dict[str, Any]:
    return {"credential_id": f"{word} {uuid4()}".encode(), "public_key": b"-", "name": word, "created_at": now}
