"""Who may be the same person as somebody who is being registered, and why: said while the desk types, and once more.

A telephone is a family's, and a name is many people's: each alone is a hint. A number of one's own, or the name with
the date of birth or the telephone, is reason enough to ask.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.names import search_key
from app.core.formats.phones import parse_phone
from app.domain.access.reach import within_reach
from app.domain.audit.operations import record_access
from app.domain.identity.permissions import VIEW_PATIENTS
from app.domain.patients.bhyt import parse_bhyt
from app.domain.patients.cccd import parse_cccd
from app.domain.patients.finding import find_joined
from app.domain.patients.models import Confidentiality, Patient, Sex
from app.domain.patients.rules import Sought

MOST = 5
LOOKED_AT = 50
ALIKE = 0.55
SHORTEST_NAME = 4


class Reason(enum.StrEnum):
    """Why somebody may be the same person, the surest first."""

    CCCD = "cccd"
    BHYT = "bhyt"
    JOINED = "joined"
    NAME_AND_BIRTH = "name_and_birth"
    NAME_AND_PHONE = "name_and_phone"
    BIRTH_TURNED = "birth_turned"
    LIKE_NAME_AND_BIRTH = "like_name_and_birth"
    PHONE = "phone"


SURE = frozenset({Reason.CCCD, Reason.BHYT, Reason.JOINED, Reason.NAME_AND_BIRTH, Reason.NAME_AND_PHONE})


@dataclass(frozen=True, slots=True)
class Told:
    """What is known so far of somebody who is being registered, in the form in which it is kept."""

    name: str = ""
    born_on: date | None = None
    cccd: str | None = None
    bhyt: str | None = None
    phone: str | None = None

    @property
    def turned(self) -> date | None:
        """The date of birth with day and month the other way round, where that is another day."""
        if self.born_on is None or self.born_on.day > 12 or self.born_on.day == self.born_on.month:
            return None
        return date(self.born_on.year, self.born_on.day, self.born_on.month)


@dataclass(frozen=True, slots=True)
class Similar:
    """A patient whom the hospital knows and who may be the same person."""

    id: UUID
    code: str
    full_name: str
    born_on: date
    sex: Sex
    is_dead: bool
    reasons: tuple[Reason, ...]

    @property
    def is_sure(self) -> bool:
        """Whether one should ask before registering somebody else."""
        return bool(SURE & set(self.reasons))


def read_told(name: str, born_on: date | None, cccd: str, bhyt: str, phone: str) -> Told:
    """Return what half-filled fields say; what cannot be read yet says nothing."""
    return Told(search_key(name), born_on, _number(cccd), _insurance(bhyt), _phone(phone))


def find_similar(actor: Actor, told: Told, but: UUID | None = None) -> list[Similar]:
    """Return who may be the same person, the surest first, and write down that they were shown."""
    joined = set(find_joined(Sought(cccd=told.cccd, bhyt=told.bhyt))) if told.cccd or told.bhyt else set()
    conditions = [*_conditions(told), *([(True, Patient.id.in_(joined))] if joined else [])]
    if not conditions:
        return []
    visible = sa.or_(Patient.confidentiality == Confidentiality.NORMAL, within_reach(actor, VIEW_PATIENTS))
    names = [sa.and_(condition, visible) for is_number, condition in conditions if not is_number]
    numbers = [condition for is_number, condition in conditions if is_number]
    query = sa.select(*_columns(told)).where(Patient.deleted_at.is_(None), sa.or_(*numbers, *names)).limit(LOOKED_AT)
    found = [_similar(row, told, joined) for row in db.session.execute(query) if row.id != but]
    found = sorted((one for one in found if one.reasons), key=_sureness)[:MOST]
    if found:
        record_access(
            actor, "patient.search", subject_type="patient", subject_id=None, patient_ids=[one.id for one in found]
        )
    return found


def _columns(told: Told) -> tuple[Any, ...]:
    return (
        Patient.id, Patient.code, Patient.full_name, Patient.born_on, Patient.sex, Patient.deceased_on,
        Patient.search_name, Patient.cccd, Patient.bhyt, Patient.phone,
        sa.func.similarity(Patient.search_name, told.name).label("alike"),
    )  # fmt: skip


def _conditions(told: Told) -> list[tuple[bool, sa.ColumnElement[bool]]]:
    """Return whether each condition is on a number, and the condition."""
    numbers = ((Patient.cccd, told.cccd), (Patient.bhyt, told.bhyt), (Patient.phone, told.phone))
    found = [(True, column == value) for column, value in numbers if value]
    if told.born_on is not None and len(told.name) >= SHORTEST_NAME:
        like = sa.func.similarity(Patient.search_name, told.name) >= ALIKE
        found.append((False, sa.and_(Patient.born_on == told.born_on, like)))
        if told.turned:
            found.append((False, sa.and_(Patient.born_on == told.turned, Patient.search_name == told.name)))
    return found


def _similar(row: Any, told: Told, joined: set[UUID]) -> Similar:
    same_name, same_birth = row.search_name == told.name, row.born_on == told.born_on
    like_name = row.alike is not None and row.alike >= ALIKE
    holds = {
        Reason.CCCD: told.cccd and row.cccd == told.cccd,
        Reason.BHYT: told.bhyt and row.bhyt == told.bhyt,
        Reason.JOINED: row.id in joined,
        Reason.NAME_AND_BIRTH: same_name and same_birth,
        Reason.NAME_AND_PHONE: same_name and told.phone and row.phone == told.phone,
        Reason.BIRTH_TURNED: same_name and told.turned and row.born_on == told.turned,
        Reason.LIKE_NAME_AND_BIRTH: like_name and same_birth and not same_name,
        Reason.PHONE: told.phone and row.phone == told.phone and not same_name,
    }
    reasons = tuple(reason for reason, is_true in holds.items() if is_true)
    return Similar(
        row.id, row.code, row.full_name, row.born_on, row.sex, row.deceased_on is not None, reasons
    )  # fmt: skip


def _sureness(one: Similar) -> tuple[int, str]:
    return list(Reason).index(one.reasons[0]), one.code


def _number(text: str) -> str | None:
    try:
        return parse_cccd(text).number
    except InvalidValue:
        return None


def _insurance(text: str) -> str | None:
    try:
        return parse_bhyt(text).number
    except InvalidValue:
        return None


def _phone(text: str) -> str | None:
    try:
        return parse_phone(text)
    except InvalidValue:
        return None
