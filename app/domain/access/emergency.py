"""Emergency access: one patient opened for a short time against a reason, told to reviewers, and reviewed afterwards.

It opens what the person's permissions would open for a patient in their care, nothing more. (ASVS 5.0, 8.2.2)
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound
from app.core.i18n import _l
from app.core.risks import Risk
from app.domain.access.emergency_letters import tell_reviewers
from app.domain.access.models import LONGEST_REASON, SHORTEST_REASON, EmergencyAccess, Verdict
from app.domain.access.settings import read_emergency_settings
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import BREAK_GLASS
from app.domain.paging import Page, offset_of
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Confidentiality, Patient
from app.domain.security.events import record_security_event

PER_PAGE = 25
SHOWN_LOOKS = 50
DAY = timedelta(days=1)


class TooManyEmergencies(Conflict):
    title = _l("Too many emergency accesses")

    def __init__(self, most: int) -> None:
        super().__init__(
            _l("Within a day you may open %(most)s patients in this way, and you have.", most=most),
            remedy=_l("Ask a colleague who treats the patient, or the administrator of the hospital."),
        )


class OwnReview(Forbidden):
    title = _l("Somebody else must review this")
    default_message = _l("Nobody reviews their own emergency access.")


class AlreadyReviewed(Conflict):
    title = _l("This was reviewed already")
    default_message = _l("Another reviewer was faster. Nothing of theirs was overwritten.")


def begin_emergency_access(actor: Actor, patient_id: UUID, reason: str) -> EmergencyAccess:
    """Open a patient to the actor for a while; one that is open already is returned.

    Raises InvalidValue for the reason, PatientNotFound, or TooManyEmergencies.
    """
    reason = " ".join(reason.split())
    if not actor.may(BREAK_GLASS.code) or actor.id is None:
        raise Forbidden
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        message = _l("Write why, in %(least)s to %(most)s characters.", least=SHORTEST_REASON, most=LONGEST_REASON)
        raise InvalidValue(message, field="reason")
    _refuse_unknown(patient_id)
    _wait_for_turn(actor.id)
    standing = _find_standing(actor.id, patient_id)
    if standing is not None:
        return standing
    settings, _version = read_emergency_settings()
    now = clock.now()
    if _count_since(actor.id, now - DAY) >= settings.per_day:
        raise TooManyEmergencies(settings.per_day)
    begun = EmergencyAccess(
        staff_id=actor.id,
        staff_name=actor.name,
        patient_id=patient_id,
        reason=reason,
        begun_at=now,
        expires_at=now + settings.lasts,
        review_by=now + settings.review_within,
    )
    db.session.add(begun)
    db.session.flush()
    _record(actor, "emergency_access.begin", begun, ["expires_at"])
    record_security_event(
        actor,
        "emergency_access.begin",
        risk=Risk.HIGH,
        subject_type="patient",
        subject_id=patient_id,
        details={"emergency_access_id": str(begun.id), "minutes": settings.minutes},
    )
    tell_reviewers(actor, begun)
    return begun


def end_emergency_access(actor: Actor, emergency_id: UUID) -> EmergencyAccess:
    """Close one's own emergency access before its time; one that is closed already stays so. Raises NotFound."""
    held = _hold(emergency_id)
    if held.staff_id != actor.id:
        raise NotFound
    if held.ended_at is None and held.expires_at > clock.now():
        held.ended_at = clock.now()
        db.session.flush()
        _record(actor, "emergency_access.end", held, ["ended_at"])
    return held


def review_emergency_access(actor: Actor, emergency_id: UUID, version: int, verdict: Verdict, note: str) -> None:
    """Say whether an emergency access was justified; raises OwnReview, AlreadyReviewed, or InvalidValue."""
    held, note = _hold(emergency_id), note.strip()
    if held.staff_id == actor.id:
        raise OwnReview
    if held.reviewed_at is not None or held.version != version:
        raise AlreadyReviewed
    if len(note) > LONGEST_REASON or (verdict is Verdict.NOT_JUSTIFIED and len(note) < SHORTEST_REASON):
        message = _l("Write what was not justified, in %(least)s to %(most)s characters.", least=SHORTEST_REASON,
                     most=LONGEST_REASON)  # fmt: skip
        raise InvalidValue(message, field="note")
    held.verdict, held.review_note, held.reviewed_at = verdict, note or None, clock.now()
    held.reviewed_by, held.reviewed_by_name = actor.id, actor.name
    db.session.flush()
    _record(actor, "emergency_access.review", held, ["verdict"])


def describe_unreached(patient_id: UUID) -> Any:
    """Return what may be said of a patient out of reach: code, and the name unless the patient is confidential."""
    restricted = Patient.confidentiality == Confidentiality.RESTRICTED
    name = sa.case((restricted, sa.null()), else_=Patient.full_name).label("full_name")
    query = sa.select(Patient.id, Patient.code, name, restricted.label("is_restricted"))
    row = db.session.execute(query.where(Patient.id == patient_id, Patient.deleted_at.is_(None))).one_or_none()
    if row is None:
        raise PatientNotFound
    return row


def list_emergencies(actor: Actor, page: int = 1) -> Page[Any]:
    """Return emergency accesses: those to review first, of these the overdue ones before the others."""
    waiting = EmergencyAccess.reviewed_at.is_(None)
    query = (
        _with_patient(sa.func.count().over().label("total"))
        .order_by(waiting.desc(), sa.case((waiting, EmergencyAccess.review_by)), EmergencyAccess.begun_at.desc())
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = db.session.execute(query).all()
    record_access(
        actor,
        "emergency_access.list",
        subject_type="emergency_access",
        subject_id=None,
        patient_ids=[row.patient_id for row in rows],
    )
    return Page(rows, max(page, 1), PER_PAGE, rows[0].total if rows else 0)


def open_emergency(actor: Actor, emergency_id: UUID) -> tuple[Any, list[Any]]:
    """Return one emergency access and what was opened under it, the newest first; raises NotFound."""
    row = db.session.execute(_with_patient().where(EmergencyAccess.id == emergency_id)).one_or_none()
    if row is None:
        raise NotFound
    looks = (
        sa.select(AccessEntry.at, AccessEntry.action, AccessEntry.address)
        .where(AccessEntry.patient_ids.contains([row.patient_id]), AccessEntry.grant_id == emergency_id)
        .order_by(AccessEntry.at.desc())
        .limit(SHOWN_LOOKS)
    )
    found = list(db.session.execute(looks).all())
    record_access(
        actor,
        "emergency_access.view",
        subject_type="emergency_access",
        subject_id=emergency_id,
        patient_ids=[row.patient_id],
    )
    return row, found


def _with_patient(*further: Any) -> sa.Select[Any]:
    columns = list(sa.inspect(EmergencyAccess).columns)
    return sa.select(
        *columns, Patient.code.label("patient_code"), Patient.full_name.label("patient_name"), *further
    ).join(Patient, Patient.id == EmergencyAccess.patient_id)


def _refuse_unknown(patient_id: UUID) -> None:
    query = sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    if db.session.scalar(query) is None:
        raise PatientNotFound


def _wait_for_turn(staff_id: UUID) -> None:
    """Let one person's attempts come one after the other, so that several at once do not pass the limit together."""
    db.session.execute(sa.select(StaffUser.id).where(StaffUser.id == staff_id).with_for_update())


def _find_standing(staff_id: UUID, patient_id: UUID) -> EmergencyAccess | None:
    query = sa.select(EmergencyAccess).where(
        EmergencyAccess.staff_id == staff_id,
        EmergencyAccess.patient_id == patient_id,
        EmergencyAccess.expires_at > clock.now(),
        EmergencyAccess.ended_at.is_(None),
    )
    return db.session.scalars(query.order_by(EmergencyAccess.expires_at.desc()).limit(1)).one_or_none()


def _count_since(staff_id: UUID, moment: Any) -> int:
    query = sa.select(sa.func.count(EmergencyAccess.id)).where(
        EmergencyAccess.staff_id == staff_id, EmergencyAccess.begun_at > moment
    )
    return db.session.scalar(query) or 0


def _hold(emergency_id: UUID) -> EmergencyAccess:
    query = sa.select(EmergencyAccess).where(EmergencyAccess.id == emergency_id).with_for_update()
    held = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if held is None:
        raise NotFound
    return held


def _record(actor: Actor, action: str, emergency: EmergencyAccess, fields: list[str]) -> None:
    record_change(
        actor,
        action,
        subject_type="emergency_access",
        subject_id=emergency.id,
        patient_id=emergency.patient_id,
        changes={"fields": fields},
    )
