"""Whom a breach affects: computed from the access log, added by hand or from a list; and the letters that tell them.

A letter says that there was a breach, when, and which kinds of data; nothing clinical and nothing of others.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.dates import format_date
from app.core.i18n import _l
from app.core.queue import enqueue
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.messages.addresses import choose_channel
from app.domain.messages.models import Channel
from app.domain.messages.operations import choose_locale, queue_letter
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.domain.privacy.breaches import hold_breach, note_affected
from app.domain.privacy.models import AddedBy, BreachAffected, BreachEntryKind
from app.tenancy.binding import bound_hospital

PER_PAGE = 50
MOST_CODES = 100_000
LETTERS_AT_ONCE = 500
TEMPLATE = "breach"
CODE = re.compile(r"BN-\d{6,}", re.IGNORECASE)


def add_from_log(
    actor: Actor, breach_id: UUID, *, since: datetime, until: datetime, username: str = "", address: str = ""
) -> int:
    """Add everybody whom a person, or a network address, has seen in a period; return how many are new.

    Raises NotFound, BreachClosed, or InvalidValue for a period that ends before it begins or names nobody.
    """
    row = hold_breach(breach_id, None)
    if until <= since:
        raise InvalidValue(_l("The period ends before it begins."), field="until")
    if not username and not address:
        raise InvalidValue(_l("Name a member of staff or a network address."), field="username")
    query = sa.select(sa.func.unnest(AccessEntry.patient_ids).label("patient_id")).where(
        AccessEntry.at >= since, AccessEntry.at <= until
    )
    if username:
        staff_id = db.session.scalar(sa.select(StaffUser.id).where(StaffUser.username == username))
        if staff_id is None:
            raise InvalidValue(_l("Nobody has this sign-in name."), field="username")
        query = query.where(AccessEntry.actor_id == staff_id)
    if address:
        query = query.where(AccessEntry.address == address)
    seen = query.subquery("seen")
    known = sa.select(Patient.id).where(Patient.id.in_(sa.select(seen.c.patient_id)))
    return _add(actor, row, known, AddedBy.ACCESS_LOG)


def add_by_codes(actor: Actor, breach_id: UUID, text: str, added_by: AddedBy = AddedBy.HAND) -> tuple[int, list[str]]:
    """Add patients by the codes in a text, such as a CSV file; return how many are new, and which codes nobody has."""
    row = hold_breach(breach_id, None)
    codes = {found.upper() for found in CODE.findall(text)}
    if not codes or len(codes) > MOST_CODES:
        raise InvalidValue(_l("There is no patient code in it, such as BN-000123."), field="codes")
    known = {
        found.code: found.id
        for found in db.session.execute(sa.select(Patient.code, Patient.id).where(Patient.code.in_(codes)))
    }
    added = _add(actor, row, sa.select(Patient.id).where(Patient.id.in_(list(known.values()))), added_by)
    return added, sorted(codes - set(known))


def list_affected(actor: Actor, breach_id: UUID, page: int = 1) -> Page[Any]:
    """Return those whom a breach affects, a page at a time; who looked is written down."""
    total = count_affected(breach_id)["all"]
    query = (
        sa.select(
            BreachAffected.patient_id,
            BreachAffected.added_by,
            BreachAffected.letter_at,
            BreachAffected.letter_channel,
            Patient.code,
            Patient.full_name,
        )
        .join(Patient, Patient.id == BreachAffected.patient_id)
        .where(BreachAffected.breach_id == breach_id)
        .order_by(Patient.code)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = db.session.execute(query).all()
    record_access(
        actor, "breach.affected", subject_type="breach", subject_id=breach_id, patient_ids=[r.patient_id for r in rows]
    )
    return Page(rows, max(page, 1), PER_PAGE, total)


def count_affected(breach_id: UUID) -> dict[str, int]:
    """Return how many are affected: `all`, `written` to, and `paper` for those who have no e-mail address."""
    affected = BreachAffected
    query = sa.select(
        sa.func.count(),
        sa.func.count(affected.letter_at),
        sa.func.count().filter(affected.letter_channel == "paper"),
    ).where(affected.breach_id == breach_id)
    row = db.session.execute(query).one()
    return {"all": row[0], "written": row[1], "paper": row[2]}


def queue_letters(actor: Actor, breach_id: UUID) -> int:
    """Write to those who were not written to, at most LETTERS_AT_ONCE; who has no e-mail address gets paper."""
    row = hold_breach(breach_id, None)
    hospital, now = bound_hospital(), clock.now()
    query = (
        sa.select(BreachAffected, Patient)
        .join(Patient, Patient.id == BreachAffected.patient_id)
        .where(BreachAffected.breach_id == breach_id, BreachAffected.letter_at.is_(None), Patient.erased_at.is_(None))
        .order_by(Patient.id)
        .limit(LETTERS_AT_ONCE)
        .with_for_update(of=BreachAffected)
    )
    day = format_date(row.discovered_at.astimezone(ZoneInfo(hospital.timezone)).date())
    count = 0
    for affected, patient in db.session.execute(query).all():
        channel, recipient = choose_channel(patient)
        if channel is Channel.EMAIL:
            queue_letter(
                f"{TEMPLATE}:{row.id}:{patient.id}",
                TEMPLATE,
                recipient=recipient,
                locale=choose_locale(patient.id),
                facts={
                    "hospital": hospital.display_name,
                    "patient": patient.full_name,
                    "code": row.code,
                    "date": day,
                    "categories": ",".join(row.categories),
                },
                created_by=actor.id,
                patient_id=patient.id,
            )
        affected.letter_at = now
        affected.letter_channel = channel.value if channel is Channel.EMAIL else "paper"
        count += 1
    if count:
        note_affected(actor, row, BreachEntryKind.LETTERS, count)
        code = hospital.code
        after_commit(lambda: enqueue("deliver_messages", hospital=code))
    return count


def _add(actor: Actor, row: Any, patients: sa.Select[Any], added_by: AddedBy) -> int:
    values = patients.subquery("those")
    source = sa.select(
        sa.literal(row.id, sa.Uuid()),
        values.c.id,
        sa.literal(added_by.value),
        sa.literal(clock.now(), sa.DateTime(timezone=True)),
    )
    statement = insert(BreachAffected).from_select(["breach_id", "patient_id", "added_by", "added_at"], source)
    added = len(db.session.execute(statement.on_conflict_do_nothing().returning(BreachAffected.patient_id)).all())
    if added:
        note_affected(actor, row, BreachEntryKind.AFFECTED, added)
    return added
