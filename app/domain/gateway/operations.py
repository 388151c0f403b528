"""The bound hospital's own access rules, as `app.tenancy.gateway.editing` changes them: audited in the hospital."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.core.actor import Actor
from app.domain.audit.operations import record_change
from app.domain.gateway.models import HospitalGatewayRule, HospitalIpAccessRule, HospitalSecurityConfig
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.rules import HOSPITAL


def own_rules() -> Owner:
    """Return the rules of the hospital that this unit of work is about."""
    return Owner(
        level=HOSPITAL,
        hospital=bound_hospital(),
        portals=(None, "hospital", "patient"),
        rules=HospitalGatewayRule,
        addresses=HospitalIpAccessRule,
        policies=HospitalSecurityConfig,
        record=_record,
    )


def _record(actor: Actor, action: str, subject_type: str, subject_id: UUID, changes: dict[str, Any]) -> None:
    record_change(actor, action, subject_type=subject_type, subject_id=subject_id, changes=changes)
    details = {"action": action, **changes}
    record_security_event(actor, "gateway.change", subject_type=subject_type, subject_id=subject_id, details=details)
