"""What the platform itself has in the small world: an operator's browser and passkey, an alert, work, a request."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import hash_token
from app.tenancy.models import (
    Alert,
    AlertRule,
    Backup,
    DeadLetter,
    DeadLetterState,
    Hospital,
    LetterSource,
    Operation,
    PlatformSession,
    Risk,
)
from app.tenancy.models.keeping import BackupState
from app.tenancy.models.ledger import OperationState
from app.tenancy.models.proofs import PlatformPasskey
from app.tenancy.models.security import Grouping
from app.tenancy.models.support import SupportRequest
from tests.support.fixed_ids import fixed_id
from tests.support.platform import Platform
from tests.support.world_access import ALERT, ASKED, STAFF_PASSKEY, STAFF_SESSION, VISITOR

OPERATION, BACKUP, RULE, LETTER = 751, 752, 753, 754


def build_platform(code: str, operator_id: UUID) -> None:
    """Give the centre one thing of each kind, about a hospital or of an operator."""
    now = clock.now()
    hospital_id = db.session.scalars(sa.select(Hospital.id).where(Hospital.code == code)).one()
    rule = AlertRule(
        id=fixed_id(RULE), name="Thử nghiệm", kinds=[], least_risk=Risk.HIGH, events=1, minutes=10,
        counted_by=Grouping.EVERYTHING, severity=Risk.HIGH, is_active=False,
    )  # fmt: skip
    browser = PlatformSession(
        id=fixed_id(STAFF_SESSION), user_id=operator_id, token_hash=hash_token("of another browser"), created_at=now,
        last_seen_at=now, expires_at=now + timedelta(hours=8),
    )  # fmt: skip
    passkey = PlatformPasskey(
        id=fixed_id(STAFF_PASSKEY), user_id=operator_id, credential_id=b"-", public_key=b"-", name="-", created_at=now
    )
    work = Operation(
        id=fixed_id(OPERATION), kind="hospital.backup", hospital_id=hospital_id, state=OperationState.FAILED,
        requested_by_kind="operator", requested_by_name="Vận hành Thử",
    )  # fmt: skip
    request = SupportRequest(
        id=fixed_id(ASKED), hospital_id=hospital_id, operator_id=fixed_id(VISITOR), operator_name="Vận hành Thử",
        reason="Trang lịch khám báo lỗi", hours=4, asked_at=now,
    )  # fmt: skip
    backup = Backup(
        id=fixed_id(BACKUP),
        hospital_id=hospital_id,
        reason="manual",
        state=BackupState.COMPLETE,
        location="small/world",
    )
    letter = DeadLetter(
        id=fixed_id(LETTER), hospital_id=hospital_id, source=LetterSource.JOB, name="sync_hospital", key="small world",
        reason="timeout", detail="", payload={}, attempts=3, state=DeadLetterState.OPEN, first_at=now, last_at=now,
    )  # fmt: skip
    db.session.add_all([rule, browser, passkey, work, request, backup, letter])
    db.session.flush()
    alert = Alert(id=fixed_id(ALERT), rule_id=rule.id, key="small world", severity=Risk.HIGH, events=1)
    alert.opened_at = alert.first_event_at = alert.last_event_at = now
    db.session.add(alert)


def take_rule_away(platform: Platform) -> None:
    """Remove the alert rule, which is among the presets that a reset of the platform leaves alone."""
    with platform.admin() as connection:
        connection.execute("DELETE FROM alerts WHERE rule_id = %s", (fixed_id(RULE),))
        connection.execute("DELETE FROM alert_rules WHERE id = %s", (fixed_id(RULE),))
