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
    remedy = _l("See its present status; `flask hospital show CODE` says it too.")


class DeletionPending(Conflict):
    """What was asked for contradicts that the hospital is to be deleted."""

    title = _l("This hospital is to be deleted")
    default_message = _l("This hospital waits for the end of its grace period, and is deleted then.")
    remedy = _l("Take the deletion back first: on the hospital's lifecycle page, or with `flask hospital keep CODE`.")


class NothingPending(Conflict):
    default_message = _l("No deletion of this hospital is pending.")


def order_hospital(actor: Actor, request: HospitalRequest) -> Hospital:
    """Register a hospital and ask a worker to make it; raises InvalidValue or HospitalExists."""
    return request_hospital(actor, request, wake=True)


def suspend_hospital(actor: Actor, code: str, reason: str) -> Hospital:
    """Stop serving a hospital from the next request on; raises InvalidValue, UnknownHospital or NotInThisState."""
    reason = check_reason(reason)
    hospital = lock_hospital(code, HospitalStatus.ACTIVE)
    set_status(actor, "hospital.suspend", hospital, HospitalStatus.SUSPENDED, reason)
    return hospital


def resume_hospital(actor: Actor, code: str) -> Hospital:
    """Let a suspended hospital serve again; raises UnknownHospital, NotInThisState or DeletionPending."""
    hospital = lock_hospital(code, HospitalStatus.SUSPENDED)
    if hospital.delete_after is not None:
        raise DeletionPending
    set_status(actor, "hospital.resume", hospital, HospitalStatus.ACTIVE, None)
    return hospital


def keep_hospital(actor: Actor, code: str) -> Hospital:
    """Take back that a hospital is to be deleted; raises UnknownHospital, NotInThisState or NothingPending."""
    hospital = lock_hospital(code, HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)
    if hospital.delete_after is None:
        raise NothingPending
    changes: dict[str, object] = {"delete_after": [hospital.delete_after.isoformat(), None]}
    hospital.delete_after, hospital.updated_by = None, actor.id
    db.session.flush()
    record_hospital_change(actor, "hospital.keep", hospital, changes, risk="high")
    return hospital


def check_reason(reason: str) -> str:
    """Return a reason that somebody gave, without the blanks around it; raises InvalidValue."""
    reason = reason.strip()
    if not reason:
        raise InvalidValue(_l("Say why."), field="reason")
    if len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST_REASON), field="reason")
    return reason


def lock_hospital(code: str, *expected: HospitalStatus) -> Hospital:
    """Return a hospital that nobody else changes meanwhile, in one of these states; raises as the acts here do."""
    query = sa.select(Hospital).where(Hospital.code == code).with_for_update()
    hospital = (
        db.session.scalar(query.execution_options(populate_existing=True)) if HOSPITAL_CODE.fullmatch(code) else None
    )
    if hospital is None:
        raise UnknownHospital
    if hospital.status not in expected:
        raise NotInThisState
    return hospital


def set_status(actor: Actor, action: str, hospital: Hospital, status: HospitalStatus, reason: str | None) -> None:
    """Change the status. Other processes hear of it from the table's trigger, this one when it is committed."""
    changes = {
        "status": [hospital.status.value, status.value],
        "status_reason": [hospital.status_reason, reason],
    }
    hospital.status, hospital.status_reason, hospital.updated_by = status, reason, actor.id
    db.session.flush()
    record_hospital_change(actor, action, hospital, changes, risk="high")
    after_commit(tenancy().registry.forget)


def record_hospital_change(
    actor: Actor, action: str, hospital: Hospital, changes: dict[str, object] | None = None, risk: str = "medium"
) -> None:
    """Write into the platform's audit log what was done to a hospital."""
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
