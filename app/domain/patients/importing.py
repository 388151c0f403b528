"""Patients from a table: what its columns mean, what a row says, whom of them the hospital knows, registering many.

Somebody is known by the CCCD or the insurance number; by the telephone together with the name or the date of birth,
because families share a telephone; and without any number by name, date of birth and sex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, Text
from app.core.formats.dates import parse_date
from app.core.formats.names import normalise_name, search_key
from app.core.formats.provinces import provinces
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.many import record_registrations
from app.domain.patients.models import Patient, Sex
from app.domain.patients.rules import PatientDetails, check_details

LONGEST = 300
_TABLE = cast(sa.Table, Patient.__table__)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]{2,}")
_PREFIX = re.compile(r"^(tinh|thanh pho|tp\.?)\s+")


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a patient that a table may have, and the headers under which hospitals write it."""

    name: str
    title: Text
    headers: tuple[str, ...]
    required: bool = False


COLUMNS = (
    Column("full_name", _l("Full name"), ("ho va ten", "ho ten", "ten benh nhan", "ten", "full name", "name"), True),
    Column("born_on", _l("Date of birth"), ("ngay sinh", "ngay thang nam sinh", "sinh ngay", "date of birth"), True),
    Column("sex", _l("Sex"), ("gioi tinh", "gioi", "phai", "sex", "gender"), True),
    Column("cccd", _l("CCCD number"), ("cccd", "so cccd", "can cuoc", "so can cuoc", "can cuoc cong dan")),
    Column("bhyt", _l("Health insurance (BHYT)"), ("bhyt", "the bhyt", "so bhyt", "so the bhyt", "ma the bhyt")),
    Column("phone", _l("Phone"), ("dien thoai", "so dien thoai", "sdt", "di dong", "phone")),
    Column("email", _l("E-mail"), ("email", "e mail", "thu dien tu")),
    Column("province", _l("Province or city"), ("tinh", "tinh thanh", "tinh thanh pho", "tinh tp", "province")),
    Column("ward", _l("Ward or commune"), ("phuong xa", "xa phuong", "phuong", "xa", "ward")),
    Column("street", _l("House number and street"), ("dia chi", "so nha duong", "so nha", "street", "address")),
)
NAMES = tuple(column.name for column in COLUMNS)
_NO_NUMBERS: dict[str, Any] = {"cccd": None, "bhyt": None, "phone": None}
_SEXES = {
    "nam": Sex.MALE, "male": Sex.MALE, "m": Sex.MALE, "nu": Sex.FEMALE, "female": Sex.FEMALE, "f": Sex.FEMALE,
    "khac": Sex.OTHER, "other": Sex.OTHER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """Why somebody is not registered again: by what they are known, and as whom."""

    by: str
    as_whom: str

    @property
    def reason(self) -> Text:
        """Say it to people."""
        return _REASONS[self.by](self.as_whom)


_REASONS = {
    "cccd": lambda who: _l("This CCCD number is already that of %(who)s.", who=who),
    "bhyt": lambda who: _l("This insurance number is already that of %(who)s.", who=who),
    "phone": lambda who: _l("%(who)s has this telephone number and the same name or date of birth.", who=who),
    "person": lambda who: _l("%(who)s has the same name, date of birth and sex, and this row has no number.", who=who),
}


def map_columns(header: Sequence[str]) -> dict[str, int]:
    """Return which column has which field, as far as the headers say."""
    found: dict[str, int] = {}
    said = [_plain(cell) for cell in header]
    for column in COLUMNS:
        for wanted in (*column.headers, _plain(column.name), _plain(str(column.title))):
            place = next((n for n, text in enumerate(said) if text == wanted and n not in found.values()), None)
            if place is not None:
                found[column.name] = place
                break
    return found


def check_columns(columns: Mapping[str, int], width: int) -> dict[str, int]:
    """Return the mapping if rows can be read by it; raises InvalidValue naming the field whose column is wrong."""
    for column in COLUMNS:
        if column.required and column.name not in columns:
            raise InvalidValue(_l("Say which column has this."), field=column.name)
    taken: dict[int, str] = {}
    for name, place in columns.items():
        if name not in NAMES or not 0 <= place < width:
            raise InvalidValue(_l("There is no such column."), field=name)
        if place in taken:
            raise InvalidValue(_l("This column is chosen twice."), field=name)
        taken[place] = name
    return dict(columns)


def read_patient_row(cells: Sequence[str], columns: Mapping[str, int], today: date) -> PatientDetails:
    """Return what a row says of a patient, as it is kept; raises InvalidValue naming the first wrong field."""
    said = {name: cells[place].strip() if place < len(cells) else "" for name, place in columns.items()}
    for name, text in said.items():
        if len(text) > LONGEST:
            raise InvalidValue(_l("This has at most %(most)s letters.", most=LONGEST), field=name)
    try:
        born_on = parse_date(said["born_on"])
    except InvalidValue as error:
        raise InvalidValue(error.message, field="born_on") from None
    details = PatientDetails(
        full_name=said["full_name"],
        born_on=born_on,
        sex=_sex(said["sex"]),
        email=_email(said.get("email", "")),
        province=_province(said.get("province", "")),
        ward=normalise_name(said.get("ward", "")) or None,
        street=normalise_name(said.get("street", "")) or None,
        cccd=said.get("cccd") or None,
        bhyt=said.get("bhyt") or None,
        phone=said.get("phone") or None,
    )
    return _checked(details, today)


def _checked(details: PatientDetails, today: date) -> PatientDetails:
    """Check the whole, and where something is wrong each number by itself, so that the right column is named."""
    try:
        return check_details(details, today)
    except InvalidValue as error:
        if error.field:
            raise
        for name in ("cccd", "bhyt", "phone"):
            if value := getattr(details, name):
                alone = replace(details, **{**_NO_NUMBERS, name: value})
                try:
                    check_details(alone, today)
                except InvalidValue as wrong:
                    raise InvalidValue(wrong.message, field=name) from None
        raise


class Person(NamedTuple):
    """By what somebody is known."""

    cccd: str | None
    bhyt: str | None
    phone: str | None
    name: str
    born_on: date
    sex: Sex

    @classmethod
    def of(cls, one: PatientDetails) -> Person:
        """Return by what a described person is known."""
        return cls(one.cccd, one.bhyt, one.phone, search_key(one.full_name), one.born_on, one.sex)

    @property
    def has_number(self) -> bool:
        return bool(self.cccd or self.bhyt or self.phone)

    def keys(self, *, alone: bool) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Return the keys of the person, with what each is; `alone` adds the one of somebody without a number."""
        if self.cccd:
            yield "cccd", ("cccd", self.cccd)
        if self.bhyt:
            yield "bhyt", ("bhyt", self.bhyt)
        if self.phone:
            yield "phone", ("phone", self.phone, self.name)
            yield "phone", ("phone", self.phone, self.born_on)
        if alone:
            yield "person", ("person", self.name, self.born_on, self.sex)


class Register:
    """People by what they are known by: the rows of a table so far, or a part of the hospital's patients."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], str] = {}

    def find(self, one: Person) -> Known | None:
        """Return why a person is known here, or None."""
        for by, key in one.keys(alone=not one.has_number):
            if key in self._known:
                return Known(by, self._known[key])
        return None

    def add(self, who: str, one: Person) -> None:
        """Remember a person under a name for people."""
        for _by, key in one.keys(alone=True):
            self._known.setdefault(key, who)


def find_registered(people: Sequence[Person]) -> Register:
    """Return those of the hospital's patients who may be one of these, in one statement for all."""
    columns = (Patient.cccd, Patient.bhyt, Patient.phone, Patient.search_name, Patient.born_on, Patient.sex)
    nameless = {(one.born_on, one.name) for one in people if not one.has_number}
    query = sa.select(Patient.code, *columns).where(
        Patient.deleted_at.is_(None),
        sa.or_(
            Patient.cccd.in_({one.cccd for one in people if one.cccd}),
            Patient.bhyt.in_({one.bhyt for one in people if one.bhyt}),
            Patient.phone.in_({one.phone for one in people if one.phone}),
            sa.and_(
                Patient.search_name.in_({name for _born_on, name in nameless}),
                sa.tuple_(Patient.born_on, Patient.search_name).in_(nameless),
            ),
        ),
    )
    register = Register()
    for code, *facts in db.session.execute(query):
        register.add(code, Person._make(facts))
    return register


def register_many(actor: Actor, people: Sequence[PatientDetails], changes: dict[str, Any]) -> list[bool]:
    """Register people who were looked for before; False for those whose CCCD somebody else registered meanwhile."""
    if not people:
        return []
    ids, now = [new_id() for _one in people], clock.now()
    rows = [
        {
            "id": patient_id, "full_name": one.full_name, "born_on": one.born_on, "sex": one.sex, "cccd": one.cccd,
            "bhyt": one.bhyt, "phone": one.phone, "email": one.email, "province": one.province, "ward": one.ward,
            "street": one.street, "allergy_state": one.allergy_state, "created_by": actor.id, "updated_by": actor.id,
            "created_at": now, "updated_at": now, "version": 1,
        }
        for patient_id, one in zip(ids, people, strict=True)
    ]  # fmt: skip
    made = insert(_TABLE).on_conflict_do_nothing(index_elements=["cccd"], index_where=_TABLE.c.deleted_at.is_(None))
    inserted: set[UUID] = set(db.session.scalars(made.returning(_TABLE.c.id), rows))
    record_registrations(actor, [one for one in ids if one in inserted], changes, {"patient_version": 1})
    return [one in inserted for one in ids]


def _plain(header: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", search_key(header)).split())


def _sex(text: str) -> Sex:
    found = _SEXES.get(search_key(text))
    if found is None:
        raise InvalidValue(_l("Write Nam, Nữ or Khác."), field="sex")
    return found


def _email(text: str) -> str | None:
    if text and not _EMAIL.fullmatch(text):
        raise InvalidValue(_l("This is not an e-mail address."), field="email")
    return text or None


def _province(text: str) -> str | None:
    """Return the province's present name; one that is merged now is kept as it is written."""
    plain = normalise_name(text)
    return _provinces().get(_PREFIX.sub("", search_key(plain)), plain) or None


@cache
def _provinces() -> dict[str, str]:
    return {_PREFIX.sub("", search_key(name)): name for name in provinces().values()}
