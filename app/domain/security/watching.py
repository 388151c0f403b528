"""The hospital's own alerts: over the events of its database, with its own rules."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_change
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.patients.models import Patient
from app.domain.security.models import HospitalAlert, HospitalAlertRule, HospitalSecurityEvent
from app.tenancy.alerts.watched import Watched
from app.tenancy.models import AlertState

NEWS = timedelta(minutes=3)


def _names_of(ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of staff, and of patients by their accounts."""
    if not ids:
        return {}
    staff = sa.select(StaffUser.id, StaffUser.full_name).where(StaffUser.id.in_(ids))
    accounts = sa.select(PatientUser.id, Patient.full_name).join(Patient).where(PatientUser.id.in_(ids))
    rows = db.session.execute(sa.union_all(staff, accounts), bind_arguments={"mapper": StaffUser})
    return {row[0]: row[1] for row in rows}


HOSPITAL = Watched(
    HospitalSecurityEvent, HospitalAlertRule, HospitalAlert, HospitalSecurityEvent.at, record_change, _names_of
)


def has_something_to_watch() -> bool:
    """Where something happened in the last minutes, or an alert stands."""
    since = clock.now() - NEWS
    asked = (
        sa.select(HospitalSecurityEvent.id).where(HospitalSecurityEvent.at > since).exists(),
        sa.select(AccessEntry.id).where(AccessEntry.at > since).exists(),
        sa.select(HospitalAlert.id).where(HospitalAlert.state != AlertState.RESOLVED).exists(),
    )
    return bool(db.session.scalar(sa.select(sa.or_(*asked)), bind_arguments={"mapper": HospitalAlert}))
