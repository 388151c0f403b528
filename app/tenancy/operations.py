"""What operators do to hospitals: have one made, try again, suspend, let serve again. Each act is audited."""

from __future__ import annotations

import sqlalchemy as sa

from app.config import HOSPITAL_CODE
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import tenancy
from app.tenancy.errors import UnknownHospital
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.provisioning import HospitalRequest, request_hospital

LONGEST_REASON = 500


class NotInThisState(Conflict):
    """The act does not fit the hospital's present status."""

    default_message = _l("The hospital's status has changed in the meantime. Nothing was done.")


def order_hospital(actor: Actor, request: HospitalRequest) -> Hospital:
    """Register a hospital and ask a worker to make it; raises InvalidValue or HospitalExists."""
    return request_hospital(actor, request, wake=True)


def suspend_hospital(actor: Actor, code: str, reason: str) -> Hospital:
    """Stop serving a hospital from the next request on; raises InvalidValue, UnknownHospital or NotInThisState."""
    reason = reason.strip()
    if not reason:
        raise InvalidValue(_l("Say why the hospital is suspended."), field="reason")
    if len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST_REASON), field="reason")
    hospital = _lock_hospital(code, HospitalStatus.ACTIVE)
    _set_status(actor, "hospital.suspend", hospital, HospitalStatus.SUSPENDED, reason)
    return hospital


def resume_hospital(actor: Actor, code: str) -> Hospital:
    """Let a suspended hospital serve again; raises UnknownHospital or NotInThisState."""
    hospital = _lock_hospital(code, HospitalStatus.SUSPENDED)
    _set_status(actor, "hospital.resume", hospital, HospitalStatus.ACTIVE, None)
    return hospital


def _lock_hospital(code: str, expected: HospitalStatus) -> Hospital:
    query = sa.select(Hospital).where(Hospital.code == code).with_for_update()
    hospital = (
        db.session.scalar(query.execution_options(populate_existing=True)) if HOSPITAL_CODE.fullmatch(code) else None
    )
    if hospital is None:
        raise UnknownHospital
    if hospital.status is not expected:
        raise NotInThisState
    return hospital


def _set_status(actor: Actor, action: str, hospital: Hospital, status: HospitalStatus, reason: str | None) -> None:
    """Change the status. Other processes hear of it from the table's trigger, this one when it is committed."""
    changes = {
        "status": [hospital.status.value, status.value],
        "status_reason": [hospital.status_reason, reason],
    }
    hospital.status, hospital.status_reason, hospital.updated_by = status, reason, actor.id
    db.session.flush()
    _record(actor, action, hospital, changes, risk="high")
    after_commit(tenancy().registry.forget)


def _record(
    actor: Actor, action: str, hospital: Hospital, changes: dict[str, object] | None = None, risk: str = "medium"
) -> None:
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="hospital",
        subject_id=hospital.id,
        hospital_id=hospital.id,
        changes=changes,
        risk=risk,
    )
