"""The problem list: what a patient lives with or has had, beyond one visit. A mistake is struck out, with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.formats.dates import parse_date
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import WRITE_RECORDS
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Patient
from app.domain.records.drafts import hold_draft
from app.domain.records.errors import signed_is_final
from app.domain.records.icd10_titles import get_titled
from app.domain.records.models import ConditionStatus, PatientCondition, RecordDiagnosis
from app.tenancy.binding import bound_hospital

LONGEST_TITLE, LONGEST_NOTE, LONGEST_REASON = 300, 1000, 500
MOST_SHOWN = 200
_YEAR = re.compile(r"[12][0-9]{3}")
_MONTH = re.compile(r"(0?[1-9]|1[0-2])[/.-]([12][0-9]{3})")


class ConditionNotFound(NotFound):
    default_message = _l("This hospital has no such problem on a list.")


class StaleCondition(StaleVersion):
    """Somebody else has changed the problem; `theirs` is how it stands now."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        super().__init__()


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What is said of a problem besides what it is; `onset` as it is kept."""

    status: ConditionStatus = ConditionStatus.ACTIVE
    onset: str | None = None
    note: str | None = None


def list_conditions(patient_id: UUID) -> list[Any]:
    """Return a patient's problems, the present ones first, without those that were struck out."""
    query = _conditions().where(PatientCondition.patient_id == patient_id, PatientCondition.struck_at.is_(None))
    query = query.order_by(PatientCondition.status, PatientCondition.onset.desc().nulls_last(), PatientCondition.title)
    return list(db.session.execute(query.limit(MOST_SHOWN)).all())


def list_struck(patient_id: UUID) -> list[Any]:
    """Return the problems of a patient that were entered by mistake."""
    query = _conditions().where(PatientCondition.patient_id == patient_id, PatientCondition.struck_at.is_not(None))
    return list(db.session.execute(query.order_by(PatientCondition.struck_at.desc()).limit(MOST_SHOWN)).all())


def get_condition(condition_id: UUID) -> Any:
    """Return one problem; raises ConditionNotFound."""
    row = db.session.execute(_conditions().where(PatientCondition.id == condition_id)).one_or_none()
    if row is None:
        raise ConditionNotFound
    return row


def add_condition(
    actor: Actor, patient_id: UUID, *, code: str | None = None, title: str = "", facts: ConditionFacts | None = None
) -> PatientCondition:
    """Put a problem on a patient's list: by ICD-10 code, or in words.

    Raises PatientNotFound, UnknownDiagnosis, or InvalidValue where it is there already or says nothing.
    """
    actor, facts = authorise(actor, patient_id, WRITE_RECORDS), facts or ConditionFacts()
    found = get_titled(code) if code else None
    words = found.title("vi") if found else " ".join(title.split())
    if not 1 <= len(words) <= LONGEST_TITLE:
        raise InvalidValue(_l("Choose a diagnosis, or write the problem in words."), field="title")
    _check(patient_id, facts)
    _refuse_twice(patient_id, found.code if found else None, words)
    condition = PatientCondition(
        patient_id=patient_id,
        code=found.code if found else None,
        title=words,
        title_en=found.title_en if found else None,
        status=facts.status,
        onset=facts.onset,
        note=facts.note,
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(condition)
    _record(actor, "patient_condition.add", condition, ["title", "status"])
    return condition


def keep_diagnosis(actor: Actor, record_id: UUID, code: str) -> PatientCondition:
    """Put a diagnosis of a draft on the patient's problem list; raises InvalidValue where the draft has no such one."""
    record = hold_draft(actor, record_id)
    query = sa.select(RecordDiagnosis.code).where(RecordDiagnosis.record_id == record_id, RecordDiagnosis.code == code)
    if db.session.scalar(query) is None:
        raise InvalidValue(_l("This diagnosis is not on the list any more."), field="diagnosis_q")
    return add_condition(actor, record.patient_id, code=code)


def change_condition(actor: Actor, condition_id: UUID, version: int, facts: ConditionFacts) -> PatientCondition:
    """Say anew how a problem stands; raises StaleCondition, SignedIsFinal where it was struck out, or InvalidValue."""
    actor, condition = _hold(actor, condition_id, version)
    _check(condition.patient_id, facts)
    wanted = {"status": facts.status, "onset": facts.onset, "note": facts.note}
    changed = [name for name, value in wanted.items() if getattr(condition, name) != value]
    if changed:
        _change(actor, condition, {name: wanted[name] for name in changed})
        _record(actor, "patient_condition.change", condition, changed)
    return condition


def strike_condition(actor: Actor, condition_id: UUID, version: int, reason: str) -> PatientCondition:
    """Strike out what was entered by mistake; it stays in the file, with the reason."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise InvalidValue(_l("Write down the reason."), field="reason")
    actor, condition = _hold(actor, condition_id, version)
    _change(actor, condition, {"struck_at": clock.now(), "strike_reason": reason})
    _record(actor, "patient_condition.strike", condition, ["struck_at"])
    return condition


def parse_onset(typed: str) -> str | None:
    """Read since when: a year, a month or a day, as far as it is known; raises InvalidValue."""
    text = typed.strip()
    if not text:
        return None
    if _YEAR.fullmatch(text):
        return text
    if found := _MONTH.fullmatch(text):
        return f"{found.group(2)}-{int(found.group(1)):02d}"
    try:
        return parse_date(text).isoformat()
    except InvalidValue:
        raise InvalidValue(_l("Write a year, a month or a day: 2019, 03/2019 or 15/03/2019."), field="onset") from None


def format_onset(onset: str | None) -> str:
    """Write since when as people in Vietnam do."""
    return "/".join(reversed((onset or "").split("-")))


def _check(patient_id: UUID, facts: ConditionFacts) -> None:
    born_on = db.session.scalar(
        sa.select(Patient.born_on).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    )
    if born_on is None:
        raise PatientNotFound
    if facts.note and len(facts.note) > LONGEST_NOTE:
        raise InvalidValue(_l("This text is too long."), field="note")
    if facts.onset is None:
        return
    today: date = clock.today(ZoneInfo(bound_hospital().timezone))
    shown = len(facts.onset)
    if facts.onset > today.isoformat()[:shown]:
        raise InvalidValue(_l("This lies in the future."), field="onset")
    if facts.onset < born_on.isoformat()[:shown]:
        raise InvalidValue(_l("This is before the patient was born."), field="onset")


def _refuse_twice(patient_id: UUID, code: str | None, title: str) -> None:
    # Two who add the same at once: the second waits here, and then sees it.
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"problem {patient_id}", 0))
    db.session.execute(sa.select(lock), bind_arguments={"mapper": PatientCondition})
    same = PatientCondition.code == code if code else sa.func.lower(PatientCondition.title) == sa.func.lower(title)
    there = sa.exists().where(
        PatientCondition.patient_id == patient_id,
        PatientCondition.struck_at.is_(None),
        PatientCondition.status == ConditionStatus.ACTIVE,
        same,
    )
    if db.session.scalar(sa.select(there)):
        raise InvalidValue(_l("“%(title)s” is on the problem list already.", title=title), field="title")


def _hold(actor: Actor, condition_id: UUID, version: int) -> tuple[Actor, PatientCondition]:
    query = sa.select(PatientCondition).where(PatientCondition.id == condition_id).with_for_update()
    condition = db.session.scalars(query).one_or_none()
    if condition is None:
        raise ConditionNotFound
    actor = authorise(actor, condition.patient_id, WRITE_RECORDS)
    if condition.version != version:
        raise StaleCondition(get_condition(condition_id))
    return actor, condition


def _change(actor: Actor, condition: PatientCondition, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(condition, name, value)
    condition.updated_at, condition.updated_by = clock.now(), actor.id
    with signed_is_final():
        db.session.flush()


def _conditions() -> sa.Select[*tuple[Any, ...]]:
    columns = [column for column in sa.inspect(PatientCondition).columns if column.key != "created_by"]
    return sa.select(*columns, StaffUser.full_name.label("updated_by_name")).outerjoin(
        StaffUser, StaffUser.id == PatientCondition.updated_by
    )


def _record(actor: Actor, action: str, condition: PatientCondition, changed: list[str]) -> None:
    db.session.flush()
    record_change(
        actor,
        action,
        subject_type="patient_condition",
        subject_id=condition.id,
        patient_id=condition.patient_id,
        changes={"fields": changed},
    )
