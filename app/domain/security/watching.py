"""The hospital's own alerts: over the events of its database, with its own rules."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_change
from app.domain.security.models import HospitalAlert, HospitalAlertRule, HospitalSecurityEvent
from app.tenancy.alerts.watched import Watched
from app.tenancy.models import AlertState

HOSPITAL = Watched(HospitalSecurityEvent, HospitalAlertRule, HospitalAlert, HospitalSecurityEvent.at, record_change)
NEWS = timedelta(minutes=3)


def has_something_to_watch() -> bool:
    """Where something happened in the last minutes, or an alert stands."""
    since = clock.now() - NEWS
    asked = (
        sa.select(HospitalSecurityEvent.id).where(HospitalSecurityEvent.at > since).exists(),
        sa.select(AccessEntry.id).where(AccessEntry.at > since).exists(),
        sa.select(HospitalAlert.id).where(HospitalAlert.state != AlertState.RESOLVED).exists(),
    )
    return bool(db.session.scalar(sa.select(sa.or_(*asked)), bind_arguments={"mapper": HospitalAlert}))
