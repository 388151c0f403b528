"""Who belongs to a patient: relatives and guardians, whether the hospital knows them as patients or by name only.

Who is under sixteen has a guardian at the visit: a hint to the desk, never a reason to turn somebody away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.formats.phones import parse_phone
from app.core.i18n import _l
from app.domain.access.fields import PHONE, may_read
from app.domain.access.reach import authorise, within_reach
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.permissions import REGISTER_PATIENTS, VIEW_PATIENTS
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Confidentiality, Patient, PatientRelation, RelationKind
from app.domain.patients.rules import check_full_name

GUARDIAN_UNDER = 16
MOST = 20
MOST_LISTED = 200  # of somebody who was registered several times more stand there than one may write down


class RelatedAlready(Conflict):
    title = _l("Already written down")
    default_message = _l("This person already stands among the relatives.")


@dataclass(frozen=True, slots=True)
class Relative:
    """Whom the desk writes down: a patient by `related_id`, or else somebody by name and telephone."""

    kind: RelationKind
    is_guardian: bool = False
    related_id: UUID | None = None
    full_name: str | None = None
    phone: str | None = None


def needs_guardian(born_on: date, today: date) -> bool:
    """Tell whether somebody is so young that a guardian comes along."""
    years = today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))
    return years < GUARDIAN_UNDER


def list_relations(actor: Actor, patient_id: UUID) -> list[Any]:
    """Return who belongs to a patient, guardians first, and write down which other patients were seen so.

    Rows have id, version, kind, is_guardian, full_name, phone, related_id, code. Of a confidential patient out of the
    reader's reach it only says that there is somebody.
    """
    other = aliased(Patient)
    reached = sa.select(Patient.id).where(within_reach(actor, VIEW_PATIENTS), Patient.id == other.id).exists()
    shown = sa.or_(other.confidentiality == Confidentiality.NORMAL, reached)
    phone = sa.func.coalesce(PatientRelation.phone, sa.case((reached, other.phone)))
    query = (
        sa.select(
            PatientRelation.id,
            PatientRelation.version,
            PatientRelation.kind,
            PatientRelation.is_guardian,
            sa.func.coalesce(PatientRelation.full_name, sa.case((shown, other.full_name))).label("full_name"),
            (phone if may_read(actor, PHONE.code) else sa.null()).label("phone"),
            sa.case((shown, other.id)).label("related_id"),
            sa.case((shown, other.code)).label("code"),
        )
        .outerjoin(other, other.id == PatientRelation.related_id)
        .where(PatientRelation.patient_id == patient_id, PatientRelation.deleted_at.is_(None))
        .order_by(PatientRelation.is_guardian.desc(), PatientRelation.created_at, PatientRelation.id)
        .limit(MOST_LISTED)
    )
    rows = list(db.session.execute(query).all())
    seen = [row.related_id for row in rows if row.related_id is not None]
    record_access(actor, "patient.relations", subject_type="patient", subject_id=patient_id, patient_ids=seen)
    return rows


def has_guardian(patient_id: UUID) -> bool:
    """Tell whether a guardian of a patient is written down."""
    query = sa.select(PatientRelation.id).where(
        PatientRelation.patient_id == patient_id, PatientRelation.is_guardian, PatientRelation.deleted_at.is_(None)
    )
    return db.session.scalar(query.limit(1)) is not None


def add_relation(actor: Actor, patient_id: UUID, relative: Relative) -> PatientRelation:
    """Write down who belongs to a patient; raises InvalidValue, PatientNotFound or RelatedAlready."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    _hold(patient_id)
    relative = _as_patient(actor, patient_id, relative) if relative.related_id else _as_person(relative)
    count = sa.select(sa.func.count(PatientRelation.id)).where(
        PatientRelation.patient_id == patient_id, PatientRelation.deleted_at.is_(None)
    )
    if (db.session.scalar(count) or 0) >= MOST:
        raise InvalidValue(_l("Write down at most %(most)s relatives.", most=MOST), field="full_name")
    row = PatientRelation(
        patient_id=patient_id, kind=relative.kind, is_guardian=relative.is_guardian, related_id=relative.related_id,
        full_name=relative.full_name, phone=relative.phone, created_by=actor.id, updated_by=actor.id,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError as error:
        if "uq_patient_relations_" not in str(error.orig):
            raise
        raise RelatedAlready from None
    _record(actor, "patient.relation_add", row)
    return row


def remove_relation(actor: Actor, patient_id: UUID, relation_id: UUID) -> None:
    """Take somebody off a patient's relatives; again changes nothing. Raises NotFound."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    query = sa.select(PatientRelation).where(PatientRelation.id == relation_id)
    row = db.session.scalar(query.where(PatientRelation.patient_id == patient_id).with_for_update())
    if row is None:
        raise NotFound
    if row.deleted_at is not None:
        return
    row.deleted_at, row.updated_by = clock.now(), actor.id
    _record(actor, "patient.relation_remove", row)


def _hold(patient_id: UUID) -> None:
    """Keep a patient from being joined to another or erased meanwhile, and two from adding the last place at once."""
    query = sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    if db.session.scalar(query.with_for_update(key_share=True)) is None:
        raise PatientNotFound


def _as_patient(actor: Actor, patient_id: UUID, relative: Relative) -> Relative:
    if relative.related_id is None or relative.related_id == patient_id:
        raise InvalidValue(_l("Choose another patient."), field="code")
    authorise(actor, relative.related_id, REGISTER_PATIENTS)
    there = sa.select(Patient.id).where(Patient.id == relative.related_id, Patient.deleted_at.is_(None))
    if db.session.scalar(there) is None:
        raise PatientNotFound
    return Relative(relative.kind, relative.is_guardian, relative.related_id)


def _as_person(relative: Relative) -> Relative:
    try:
        full_name = check_full_name(relative.full_name or "")
        phone = parse_phone(relative.phone) if relative.phone else None
    except InvalidValue as error:
        raise InvalidValue(error.message, field=error.field or "phone") from None
    return Relative(relative.kind, relative.is_guardian, full_name=full_name, phone=phone)


def _record(actor: Actor, action: str, row: PatientRelation) -> None:
    db.session.flush()
    changes = {"kind": row.kind.value, "is_guardian": row.is_guardian}
    record_change(
        actor, action, subject_type="patient_relation", subject_id=row.id, patient_id=row.patient_id, changes=changes
    )
