"""Joining a patient who was registered twice, and parting them again where that was a mistake.

The second registration is closed and leads to the first, and everything that hangs on it goes over: visits, records,
results, documents. Each row that was moved is written down, so that parting moves exactly these back; what came later
stays with the first. Signed records are moved by the database's own function only, and nothing else of them changes.
What proves something about a registration itself (accounts, erasures, emergency access) stays with it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_access
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.permissions import MERGE_PATIENTS
from app.domain.patients.errors import DuplicateCccd, PatientNotFound, StalePatient
from app.domain.patients.holding import record_of, touch
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, PatientMerge, PatientMergeMove
from app.domain.patients.queries import find_by_cccd, read_patient
from app.domain.privacy.models import Erasure, ErasureState, LegalHold
from app.tenancy.binding import needs_revision

SINCE = "h016"
_TO_THE_HOSPITAL: dict[str, Any] = {"mapper": Patient}


class SomethingHangsOn(Conflict):
    title = _l("This registration is in use")
    default_message = _l(
        "A portal account, a legal hold or a decided erasure hangs on this registration, so it cannot be joined."
    )
    remedy = _l("Join the other one to it, if nothing of the kind hangs on that.")


class BothAtOnce(Conflict):
    title = _l("The two do not go together yet")
    default_message = _l("Both have a visit at the same time, or the same thing stands under both.")
    remedy = _l("Cancel one of the two visits, then join them.")


class NotAlike(Conflict):
    title = _l("The two are not alike yet")
    default_message = _l(
        "They differ in how confidential they are, or in whether and when the patient died. Joined, that would be lost."
    )
    remedy = _l("Make both registrations alike first, then join them.")


class ErasureDecided(Conflict):
    title = _l("This registration is about to be erased")
    default_message = _l("Its erasure is proposed or decided, so nothing can be joined to it.")
    remedy = _l("Wait until the erasure is performed or refused.")


class NotJoined(Conflict):
    title = _l("These are not joined")
    default_message = _l("Somebody has parted these registrations already.")


def merge_patient(actor: Actor, patient_id: UUID, version: int, into_id: UUID) -> Patient:
    """Close a second registration and move what hangs on it to the patient; return whom it leads to.

    Raises PatientNotFound, InvalidValue for itself, StalePatient, SomethingHangsOn, ErasureDecided, NotAlike or
    BothAtOnce.
    """
    needs_revision(SINCE)
    if patient_id == into_id:
        raise InvalidValue(_l("Choose another patient."), field="into")
    actor = authorise(authorise(actor, patient_id, MERGE_PATIENTS), into_id, MERGE_PATIENTS)
    second, first = _lock(patient_id, into_id)
    if second.version != version:
        raise StalePatient(read_patient(actor, patient_id).patient)
    _check_nothing_stays(patient_id)
    if _is_to_be_erased(into_id):
        raise ErasureDecided
    if (second.confidentiality, second.deceased_on) != (first.confidentiality, first.deceased_on):
        raise NotAlike
    second.deleted_at = clock.now()
    touch(actor, second)
    db.session.add(
        PatientMerge(
            patient_id=second.id, into_id=first.id, merged_at=clock.now(), merged_by=actor.id,
            allergy_state_before=first.allergy_state,
        )
    )  # fmt: skip
    moved = _perform("vien_join_patient", second.id)
    if first.allergy_state is not AllergyState.KNOWN and _has_allergies(first.id):
        first.allergy_state = AllergyState.KNOWN
    touch(actor, first)
    record_of(actor, "patient.update", first, {"joined": str(second.id), "moved": moved})
    for earlier in _carried(second.id):
        touch(actor, earlier)
        record_of(actor, "patient.merge", earlier, {"into": str(first.id)})
    record_of(actor, "patient.merge", second, {"into": str(first.id), "moved": moved})
    return first


def part_patient(actor: Actor, patient_id: UUID, from_id: UUID) -> Patient:
    """Open a joined registration again, with what was moved from it; return it.

    Raises NotJoined, PatientNotFound, DuplicateCccd where the number was given to somebody meanwhile, or Conflict.
    """
    needs_revision(SINCE)
    actor = authorise(actor, from_id, MERGE_PATIENTS)
    second, first = _lock_joined(patient_id, from_id)
    merge = db.session.get(PatientMerge, patient_id, populate_existing=True)
    if merge is None or merge.into_id != from_id:
        raise NotJoined
    before, carried = merge.allergy_state_before, _carried(second.id)
    _reopen(second)
    moved = _perform("vien_part_patient", second.id)
    db.session.expunge(merge)
    if first.allergy_state is AllergyState.KNOWN and before and not _has_allergies(first.id):
        first.allergy_state = before if before is not AllergyState.KNOWN else AllergyState.NOT_RECORDED
    for one in (first, second, *carried):
        touch(actor, one)
    record_of(actor, "patient.update", first, {"parted": str(second.id), "moved": moved})
    record_of(actor, "patient.unmerge", second, {"from": str(first.id), "moved": moved})
    for one in carried:
        record_of(actor, "patient.merge", one, {"into": str(second.id)})
    return second


def list_joined(actor: Actor, patient_id: UUID) -> list[Any]:
    """Return the registrations that lead to a patient, and write down that they were seen.

    Rows have patient_id, code, full_name, born_on, merged_at, by, rows.
    """
    rows = sa.select(sa.func.count()).select_from(PatientMergeMove)
    rows = rows.where(PatientMergeMove.patient_id == PatientMerge.patient_id)
    query = (
        sa.select(
            Patient.id.label("patient_id"), Patient.code, Patient.full_name, Patient.born_on, PatientMerge.merged_at,
            StaffUser.full_name.label("by"), rows.scalar_subquery().label("rows"),
        )
        .join(PatientMerge, PatientMerge.patient_id == Patient.id)
        .outerjoin(StaffUser, StaffUser.id == PatientMerge.merged_by)
        .where(PatientMerge.into_id == patient_id, Patient.erased_at.is_(None))
        .order_by(PatientMerge.merged_at.desc())
        .limit(50)
    )  # fmt: skip
    found = list(db.session.execute(query).all())
    seen = [row.patient_id for row in found]
    record_access(actor, "patient.merge", subject_type="patient", subject_id=patient_id, patient_ids=seen)
    return found


def find_by_code(code: str) -> UUID | None:
    """Return the patient with a code of the hospital's, as people write it."""
    query = sa.select(Patient.id).where(Patient.code == code.strip().upper(), Patient.deleted_at.is_(None))
    return db.session.scalar(query)


def find_joined_into(patient_id: UUID) -> UUID | None:
    """Return the patient to whom a closed registration leads, or None."""
    return db.session.scalar(sa.select(PatientMerge.into_id).where(PatientMerge.patient_id == patient_id))


def _lock(patient_id: UUID, into_id: UUID) -> tuple[Patient, Patient]:
    """Hold both, in one order whoever asks, so that two who join them both ways do not wait for each other."""
    query = sa.select(Patient).where(Patient.id.in_((patient_id, into_id)), Patient.deleted_at.is_(None))
    return _both(query, patient_id, into_id)


def _lock_joined(patient_id: UUID, from_id: UUID) -> tuple[Patient, Patient]:
    query = sa.select(Patient).where(Patient.id.in_((patient_id, from_id)))
    return _both(query, patient_id, from_id)


def _both(query: sa.Select[Patient], one: UUID, other: UUID) -> tuple[Patient, Patient]:
    query = query.where(Patient.erased_at.is_(None)).order_by(Patient.id).with_for_update()
    found = {row.id: row for row in db.session.scalars(query.execution_options(populate_existing=True))}
    if len(found) < 2:
        raise PatientNotFound
    return found[one], found[other]


def _check_nothing_stays(patient_id: UUID) -> None:
    """Refuse where something hangs on the registration that must not change whose it is."""
    stays = (
        sa.exists().where(PatientUser.patient_id == patient_id),
        sa.exists().where(LegalHold.patient_id == patient_id, LegalHold.released_at.is_(None)),
    )
    if any(db.session.execute(sa.select(*stays)).one()) or _is_to_be_erased(patient_id):
        raise SomethingHangsOn


def _is_to_be_erased(patient_id: UUID) -> bool:
    waiting = (ErasureState.PROPOSED, ErasureState.APPROVED)
    query = sa.select(Erasure.id).where(Erasure.patient_id == patient_id, Erasure.state.in_(waiting))
    return db.session.scalar(query.limit(1)) is not None


def _reopen(second: Patient) -> None:
    known = find_by_cccd(second.cccd) if second.cccd else None
    if known is not None:
        raise DuplicateCccd(known.id, known.code, known.full_name)
    second.deleted_at = None
    db.session.flush()


def _perform(function: str, patient_id: UUID) -> dict[str, int]:
    """Have the database move what is a registration's, and return how many rows of each table it moved."""
    db.session.flush()
    call = getattr(sa.func, function)(patient_id, type_=sa.JSON())
    try:
        with db.session.begin_nested():
            moved = db.session.scalar(sa.select(call), bind_arguments=_TO_THE_HOSPITAL)
    except IntegrityError:
        raise BothAtOnce from None
    db.session.expire_all()
    return dict(moved or {})


def _carried(patient_id: UUID) -> list[Patient]:
    """Return the registrations that had been joined to this one before it was joined itself."""
    carried = sa.select(PatientMergeMove.row_id).where(
        PatientMergeMove.patient_id == patient_id, PatientMergeMove.table_name == PatientMerge.__tablename__
    )
    still = sa.select(PatientMerge.patient_id).where(PatientMerge.patient_id.in_(carried))
    return list(db.session.scalars(sa.select(Patient).where(Patient.id.in_(still)).order_by(Patient.id)))


def _has_allergies(patient_id: UUID) -> bool:
    query = sa.select(PatientAllergy.id).where(PatientAllergy.patient_id == patient_id)
    return db.session.scalar(query.where(PatientAllergy.deleted_at.is_(None)).limit(1)) is not None
