"""The hospital's own security events, alert rules and alerts; the columns are those of the centre."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.tenancy.models.security import AlertColumns, AlertRuleColumns, SecurityEventColumns


class HospitalSecurityEvent(SecurityEventColumns, HospitalModel):
    """What staff, patients and strangers did or tried. Append-only."""

    __tablename__ = "security_events"

    __table_args__ = (
        sa.Index("ix_security_events_at", sa.desc("at")),
        sa.Index("ix_security_events_kind_at", "kind", sa.desc("at")),
        sa.Index("ix_security_events_actor_id_at", "actor_id", sa.desc("at")),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class HospitalAlertRule(Identified, Edited, Versioned, AlertRuleColumns, HospitalModel):
    """What raises an alert for the hospital's administrators."""

    __tablename__ = "alert_rules"


class HospitalAlert(Identified, Versioned, AlertColumns, HospitalModel):
    """An alert for the hospital's administrators."""

    __tablename__ = "alerts"

    rule_id: Mapped[UUID] = mapped_column(sa.ForeignKey("alert_rules.id"))

    __table_args__ = (
        sa.Index(
            "uq_alerts_rule_id_key", "rule_id", "key", unique=True, postgresql_where=sa.text("state <> 'resolved'")
        ),
        sa.Index("ix_alerts_state_opened_at", "state", sa.desc("opened_at")),
        sa.Index("ix_alerts_rule_id_opened_at", "rule_id", sa.desc("opened_at")),
    )
