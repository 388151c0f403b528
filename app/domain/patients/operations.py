"""Registering patients and correcting what is known of them, with an audit row and an event for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.ids import new_id
from app.domain.access.fields import ALLERGIES, PATIENT_FIELDS, FieldClosed, may_write
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.identity.patient_accounts import end_sent_links
from app.domain.identity.permissions import RECORD_VITALS, REGISTER_PATIENTS
from app.domain.patients.duplicates import Told
from app.domain.patients.errors import DuplicateCccd
from app.domain.patients.form_rules import check_form_rules
from app.domain.patients.holding import hold_patient, record_of, touch
from app.domain.patients.models import AllergyState, Patient, PatientAllergy
from app.domain.patients.queries import COLUMNS_OF, find_by_cccd, get_patient
from app.domain.patients.rules import Allergy, PatientDetails, check_allergies, check_details
from app.tenancy.binding import bound_hospital

JUST_NOW = timedelta(minutes=1)
_FIELDS = tuple(name for name in PatientDetails.__slots__ if name != "allergies")


def hold_registering(told: Told) -> None:
    """Let nobody else register somebody of this name and birth until the present unit of work ends."""
    who = f"register:{told.name}:{told.born_on}"
    lock = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(who, 0)))
    db.session.execute(lock, bind_arguments={"mapper": Patient})


def find_just_registered(actor: Actor, details: PatientDetails, within: timedelta = JUST_NOW) -> Patient | None:
    """Return whom the same person has registered a moment ago with all the same: a form that was sent twice.

    Raises InvalidValue for a wrong field.
    """
    details = check_details(details, _today())
    same = [getattr(Patient, name).is_not_distinct_from(getattr(details, name)) for name in _FIELDS]
    query = sa.select(Patient).where(
        *same,
        Patient.created_by == actor.id,
        Patient.created_at > clock.now() - within,
        Patient.deleted_at.is_(None),
    )
    return db.session.scalar(query.order_by(Patient.id.desc()).limit(1)) if actor.id else None


def register_patient(actor: Actor, details: PatientDetails) -> Patient:
    """Register a new patient; raises InvalidValue for a wrong field, RulesBroken, or DuplicateCccd."""
    details = check_details(details, _today())
    check_form_rules(actor, details, _today())
    patient = Patient(**{name: getattr(details, name) for name in _FIELDS}, created_by=actor.id, updated_by=actor.id)
    with _unique_cccd(details):
        db.session.add(patient)
    _replace_allergies(actor, patient.id, details.allergies)
    record_change(
        actor,
        "patient.register",
        subject_type="patient",
        subject_id=patient.id,
        patient_id=patient.id,
        event={"patient_version": patient.version},
    )
    return patient


def update_patient(actor: Actor, patient_id: UUID, version: int, details: PatientDetails) -> Patient:
    """Correct a patient's data; raises StalePatient when it is no longer the version that was read, or RulesBroken."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    patient = hold_patient(actor, patient_id, version)
    details = check_details(_as_far_as_open(actor, details, patient_id), _today())
    check_form_rules(actor, details, _today())
    changed = [name for name in _FIELDS if getattr(patient, name) != getattr(details, name)]
    if _replace_allergies(actor, patient_id, details.allergies):
        changed.append("allergies")
    if changed:
        with _unique_cccd(details):
            for name in _FIELDS:
                setattr(patient, name, getattr(details, name))
            touch(actor, patient)
        if "email" in changed:
            end_sent_links(patient.id)
        record_of(actor, "patient.update", patient, {"fields": changed})
    return patient


def record_allergies(
    actor: Actor, patient_id: UUID, version: int, state: AllergyState, allergies: tuple[Allergy, ...]
) -> Patient:
    """Write down what the patient says about allergies; raises StalePatient like any correction."""
    check_allergies(state, allergies)
    actor = authorise(actor, patient_id, RECORD_VITALS)
    patient = hold_patient(actor, patient_id, version)
    if not may_write(actor, ALLERGIES.code):
        raise FieldClosed
    patient.allergy_state = state
    _replace_allergies(actor, patient_id, allergies)
    touch(actor, patient)
    record_of(actor, "patient.update", patient, {"fields": ["allergies"]})
    return patient


def _as_far_as_open(actor: Actor, sent: PatientDetails, patient_id: UUID) -> PatientDetails:
    """Return what was sent, with what stands for the fields that are closed to the actor and were left out.

    Raises FieldClosed where a closed field was sent with anything else than what stands.
    """
    closed = [field.code for field in PATIENT_FIELDS if not may_write(actor, field.code)]
    if not closed:
        return sent
    kept: dict[str, Any] = {}
    stored = get_patient(patient_id).details
    for code in closed:
        for name in COLUMNS_OF[code]:
            mine, theirs = getattr(sent, name), getattr(stored, name)
            if mine not in (theirs, None, (), AllergyState.NOT_RECORDED):
                raise FieldClosed
            kept[name] = theirs
    return replace(sent, **kept)


def _today() -> date:
    return clock.today(ZoneInfo(bound_hospital().timezone))


@contextmanager
def _unique_cccd(details: PatientDetails) -> Iterator[None]:
    """Write what happens inside; raises DuplicateCccd where the number is another patient's."""
    try:
        with db.session.begin_nested():
            yield
    except IntegrityError as error:
        known = find_by_cccd(details.cccd) if details.cccd and "uq_patients_cccd" in str(error.orig) else None
        if known is None:
            raise
        raise DuplicateCccd(known.id, known.code, known.full_name) from None


def _replace_allergies(actor: Actor, patient_id: UUID, allergies: tuple[Allergy, ...]) -> bool:
    query = sa.select(PatientAllergy.id, PatientAllergy.substance, PatientAllergy.reaction).where(
        PatientAllergy.patient_id == patient_id, PatientAllergy.deleted_at.is_(None)
    )
    present = {Allergy(row.substance, row.reaction): row.id for row in db.session.execute(query)}
    gone = [row_id for allergy, row_id in present.items() if allergy not in allergies]
    added = [allergy for allergy in allergies if allergy not in present]
    if gone:
        leave = {"deleted_at": clock.now(), "updated_by": actor.id}
        db.session.execute(sa.update(PatientAllergy).where(PatientAllergy.id.in_(gone)).values(**leave))
    if added:
        rows = [
            {"id": new_id(), "patient_id": patient_id, "substance": a.substance, "reaction": a.reaction} for a in added
        ]
        db.session.execute(sa.insert(PatientAllergy), [{**row, "created_by": actor.id} for row in rows])
    return bool(gone or added)
