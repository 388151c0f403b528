"""Finding patients by whatever a person at the desk types, quick at a million of them.

Two steps in one statement: first who certainly is meant (a whole number, or a name that begins so, read from an index
in its order), and only as far as these are too few whoever has it anywhere. Nobody reads more than COUNTED_AT_MOST,
so that no more are ever looked at.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.access.fields import ADDRESS, BHYT, CCCD, PHONE, may_read
from app.domain.access.reach import within_reach
from app.domain.audit.operations import record_access
from app.domain.identity.permissions import VIEW_PATIENTS
from app.domain.paging import Page, offset_of
from app.domain.patients.models import NUMBERS, Confidentiality, Patient, PatientMerge
from app.domain.patients.rules import Sought, read_query

PER_PAGE = 20
COUNTED_AT_MOST = 200
MOST_JOINED = 20
AFTER_ALL_LETTERS = "\U0010ffff"

# What a search shows, and the field that closes it. Code, name, birth and sex show whom one has found.
_FOUND: tuple[tuple[Any, str | None], ...] = (
    (Patient.id, None),
    (Patient.code, None),
    (Patient.full_name, None),
    (Patient.born_on, None),
    (Patient.sex, None),
    (Patient.deceased_on, None),
    (Patient.inactive_at, None),
    (Patient.phone, PHONE.code),
    (Patient.bhyt, BHYT.code),
    (Patient.province, ADDRESS.code),
    (Patient.ward, ADDRESS.code),
)
_BY_LETTERS = sa.collate(Patient.search_name, "C")


def search_patients(actor: Actor, text: str, page: int = 1) -> Page[Any]:
    """Find patients by code, CCCD, insurance number, phone or a part of these, or parts of the name without diacritics.

    Rows have id, code, full_name, born_on, sex, deceased_on, inactive_at, phone, bhyt, province, ward, whether they are
    within the person's reach (of others only who they are is shown), and whether the number sought is wholly theirs.
    Counting stops at COUNTED_AT_MOST.
    """
    sought, page = read_query(text), max(page, 1)
    if sought.is_empty:
        return Page((), 1, PER_PAGE, 0)
    rows = _read(actor, sought, page)
    if not rows and page > 1:
        rows, page = _read(actor, sought, 1), 1
    record_access(
        actor, "patient.search", subject_type="patient", subject_id=None, patient_ids=[row.id for row in rows]
    )
    return Page(rows, page, PER_PAGE, rows[0].total if rows else 0)


def _read(actor: Actor, sought: Sought, page: int) -> list[Any]:
    within = within_reach(actor, VIEW_PATIENTS)
    found = _found(actor, sought, within)
    counted = sa.select(found, sa.func.count().over().label("total")).cte("counted")
    by_sureness: tuple[Any, ...] = (counted.c.is_sure.desc(), counted.c.letters, counted.c.born_on, counted.c.id)
    shown = sa.select(counted).order_by(*by_sureness).limit(PER_PAGE).offset(offset_of(page, PER_PAGE)).subquery()
    columns = [
        column if code is None else _shown(column, within if may_read(actor, code) else sa.false())
        for column, code in _FOUND
    ]
    query = sa.select(*columns, within.label("is_within"), shown.c.is_sure.label("is_exact"), shown.c.total)
    query = query.join(shown, shown.c.id == Patient.id)
    query = query.order_by(shown.c.is_sure.desc(), shown.c.letters, shown.c.born_on, shown.c.id)
    return list(db.session.execute(query).all())


def _found(actor: Actor, sought: Sought, within: sa.ColumnElement[bool]) -> sa.CTE:
    """Return whom a search means, at most COUNTED_AT_MOST: who surely is meant, then who may be."""
    there: list[sa.ColumnElement[bool]] = [Patient.deleted_at.is_(None)]
    visible = sa.or_(Patient.confidentiality == Confidentiality.NORMAL, within)
    if actor.kind is ActorKind.OPERATOR:
        there.append(within)
    joined = find_joined(sought)
    if sought.name:  # a name alone does not tell that the hospital knows a confidential patient
        sure, maybe = begins_with(sought.name), sa.and_(*(_has(word) for word in sought.words))
        there.append(visible)
    else:
        sure = sa.or_(_is_number(sought), Patient.id.in_(joined)) if joined else _is_number(sought)
        maybe = sa.and_(_has_number(actor, sought), visible)
    first = _candidates(True, *there, sure).order_by(_BY_LETTERS, Patient.born_on, Patient.id).cte("sure")
    further = _candidates(False, *there, maybe, sa.not_(sa.func.coalesce(sure, sa.false())))
    if not sought.name:  # a number that is somebody's is not a part of another's
        further = further.where(~sa.select(first.c.id).exists())
    both = sa.union_all(sa.select(first), sa.select(further.subquery()))
    return sa.select(both.subquery()).limit(COUNTED_AT_MOST).cte("found")


def _candidates(is_sure: bool, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    columns: tuple[Any, ...] = (
        Patient.id,
        _BY_LETTERS.label("letters"),
        Patient.born_on,
        sa.literal(is_sure).label("is_sure"),
    )
    return sa.select(*columns).where(*conditions).limit(COUNTED_AT_MOST)


def begins_with(name: str) -> sa.ColumnElement[bool]:
    """Return the condition on names that begin so, as the index in the order of letters answers it."""
    return sa.and_(name <= _BY_LETTERS, name + AFTER_ALL_LETTERS > _BY_LETTERS)


def _has(word: str) -> sa.ColumnElement[bool]:
    """Return the condition on names with a word, or part of one; one or two letters are the beginning of a word.

    Shorter than three letters a part is in no index of trigrams, but the beginning of a word is.
    """
    if len(word) > 2:
        return Patient.search_name.contains(word, autoescape=True)
    begins = Patient.search_name.startswith(word, autoescape=True)
    return sa.or_(begins, Patient.search_name.contains(" " + word, autoescape=True))


def find_joined(sought: Sought) -> list[UUID]:
    """Return the patients to whom closed registrations with these numbers lead: their numbers are theirs, too."""
    if sought.name:
        return []
    query = sa.select(PatientMerge.into_id).join(Patient, Patient.id == PatientMerge.patient_id)
    return list(db.session.scalars(query.where(Patient.deleted_at.is_not(None), _is_number(sought)).limit(MOST_JOINED)))


def _is_number(sought: Sought) -> sa.ColumnElement[bool]:
    exact = ((Patient.code, sought.code), (Patient.cccd, sought.cccd), (Patient.bhyt, sought.bhyt))
    numbers = (*exact, (Patient.phone, sought.phone))
    return sa.or_(sa.false(), *(column == value for column, value in numbers if value))


def _has_number(actor: Actor, sought: Sought) -> sa.ColumnElement[bool]:
    """Return the condition on part of a number; who may not read one of them cannot feel their way along it."""
    if not all(may_read(actor, field.code) for field in (CCCD, BHYT, PHONE)):
        return sa.false()
    return sa.or_(sa.false(), *(NUMBERS.contains(part, autoescape=True) for part in sought.parts))


def _shown(column: Any, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    """Return a column that is empty in the rows for which a condition does not hold."""
    return sa.case((condition, column), else_=sa.null()).label(column.key)
