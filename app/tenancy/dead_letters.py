"""Work that was given up: written down with why, looked at by operators, done again or dismissed.

Whoever gives something up calls `put_dead_letter`, with nothing bound: workers, the relay, those who send. How a letter
is done again is said once for each source, with `@retries`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock
from app.core.actor import Actor, system_actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, Unavailable
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.queue import BadJob, enqueue
from app.core.unit_of_work import apart
from app.tenancy.audit import record_platform_change
from app.tenancy.models import DeadLetter, DeadLetterState, Hospital, LetterSource, SecurityEvent
from app.tenancy.paging import Page
from app.tenancy.security_events import event_values

PER_PAGE = 30
LONGEST_DETAIL, LONGEST_DECISION = 500, 500
GIVES_UP = system_actor("worker")

Again = Callable[[DeadLetter, str | None], None]
_ways: dict[LetterSource, Again] = {}


class LetterClosed(Conflict):
    title = _l("This has been decided already")
    default_message = _l("Somebody has had this work done again, or dismissed it, in the meantime.")


class CannotRetry(Conflict):
    title = _l("This cannot be done again")
    default_message = _l("This release knows no way to do this work again.")
    remedy = _l("Dismiss it with the reason, or do it by hand.")


class QueueAway(Unavailable):
    title = _l("The queue does not answer")
    default_message = _l("Redis does not answer, so no worker can be asked. The letter stays open.")


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are asked for; empty means all."""

    state: DeadLetterState | None = DeadLetterState.OPEN
    source: LetterSource | None = None
    name: str = ""
    hospital_id: UUID | None = None


def put_dead_letter(
    source: LetterSource,
    name: str,
    *,
    reason: str,
    detail: str = "",
    hospital: str | None = None,
    payload: dict[str, Any] | None = None,
    attempts: int = 1,
) -> UUID:
    """Write down, in a transaction of its own, that something was given up; return the letter's id.

    `hospital` is a code, `reason` a code, `payload` what is needed to do it again; none holds anything of patients. The
    same work given up again is counted on its open letter. The first time, whoever watches alerts is told.
    """
    with apart() as session:
        hospital_id = session.scalar(sa.select(Hospital.id).where(Hospital.code == hospital)) if hospital else None
        now, letter_id = clock.now(), new_id()
        same = json.dumps([source, name, str(hospital_id), payload or {}], sort_keys=True, default=str)
        values = {
            "id": letter_id,
            "hospital_id": hospital_id,
            "source": source,
            "name": name,
            "key": hashlib.sha256(same.encode()).hexdigest(),
            "reason": reason,
            "detail": detail[:LONGEST_DETAIL],
            "payload": payload or {},
            "attempts": attempts,
            "state": DeadLetterState.OPEN,
            "first_at": now,
            "last_at": now,
        }
        written = _insert_or_count(session, values)
        if written == letter_id:
            _tell(session, values)
    return written


def retries(source: LetterSource) -> Callable[[Again], Again]:
    """Say how a letter of this source is done again: a function of the letter and its hospital's code.

    It asks for the work (in Redis, or in the central database) and raises where it cannot.
    """

    def declare(again: Again) -> Again:
        if source in _ways:
            raise ValueError(f"letters of {source.value!r} are done again in two ways")
        _ways[source] = again
        return again

    return declare


@retries(LetterSource.JOB)
def _enqueue_again(letter: DeadLetter, code: str | None) -> None:
    try:
        asked = enqueue(letter.name, hospital=code, **letter.payload)
    except (BadJob, ValueError) as error:
        raise CannotRetry from error
    if not asked:
        raise QueueAway


def retry_dead_letter(actor: Actor, letter_id: UUID) -> DeadLetter:
    """Have it done again; raises LetterClosed, CannotRetry, or QueueAway."""
    letter = _get_open(letter_id)
    if letter.source not in _ways:
        raise CannotRetry
    code = db.session.scalar(sa.select(Hospital.code).where(Hospital.id == letter.hospital_id))
    _ways[letter.source](letter, code)
    _decide(letter, actor, DeadLetterState.RETRIED, None)
    return letter


def dismiss_dead_letter(actor: Actor, letter_id: UUID, why: str) -> DeadLetter:
    """Say why it need not be done; raises InvalidValue without words, or LetterClosed."""
    if not 0 < len(why.strip()) <= LONGEST_DECISION:
        raise InvalidValue(_l("Say why, in at most %(count)s characters.", count=LONGEST_DECISION), field="reason")
    letter = _get_open(letter_id)
    _decide(letter, actor, DeadLetterState.DISMISSED, why.strip())
    return letter


def close_done(actor: Actor, letter_id: str) -> None:
    """End a letter whose work was done after all; nothing happens where somebody has decided it."""
    letter = db.session.get(DeadLetter, UUID(letter_id), with_for_update=True)
    if letter is not None and letter.state is DeadLetterState.OPEN:
        _decide(letter, actor, DeadLetterState.RETRIED, None)


def list_dead_letters(wanted: LetterFilter, page: int = 1) -> Page[Any]:
    """Return letters with their hospital's code and name, the newest first."""
    query = _selected(wanted)
    counted = query.with_only_columns(sa.literal_column("1")).limit(PER_PAGE * 1_000).subquery()
    bind = {"bind_arguments": {"clause": query}}
    total = db.session.scalar(sa.select(sa.func.count()).select_from(counted), **bind) or 0
    query = query.order_by(DeadLetter.last_at.desc(), DeadLetter.id.desc())
    return Page(db.session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all(), page, PER_PAGE, total)


def list_names() -> list[str]:
    """Return the names of work of which letters are open."""
    query = sa.select(DeadLetter.name).where(DeadLetter.state == DeadLetterState.OPEN).distinct()
    return list(db.session.scalars(query.order_by(DeadLetter.name).limit(100)))


def count_open() -> dict[str | None, int]:
    """Return how many letters are open, by their hospital's code; None is the platform's own."""
    query = sa.select(Hospital.code, sa.func.count(DeadLetter.id)).outerjoin_from(
        DeadLetter, Hospital, Hospital.id == DeadLetter.hospital_id
    )
    query = query.where(DeadLetter.state == DeadLetterState.OPEN).group_by(Hospital.code)
    return {row[0]: row[1] for row in db.session.execute(query)}


def get_dead_letter(letter_id: UUID) -> Any:
    """Return a letter with its hospital's code and name; raises NotFound."""
    row = db.session.execute(_selected(LetterFilter(state=None)).where(DeadLetter.id == letter_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def _selected(wanted: LetterFilter) -> sa.Select[Any]:
    query = sa.select(
        *DeadLetter.__table__.columns,
        Hospital.code.label("hospital_code"),
        Hospital.display_name.label("hospital_name"),
    ).outerjoin(Hospital, Hospital.id == DeadLetter.hospital_id)
    if wanted.state is not None:
        query = query.where(DeadLetter.state == wanted.state)
    if wanted.source is not None:
        query = query.where(DeadLetter.source == wanted.source)
    if wanted.name:
        query = query.where(DeadLetter.name == wanted.name)
    if wanted.hospital_id is not None:
        query = query.where(DeadLetter.hospital_id == wanted.hospital_id)
    return query


def _insert_or_count(session: Session, values: dict[str, Any]) -> UUID:
    """Write a letter, or count it on the open one of the same work; return the id of the one that stands."""
    statement = insert(DeadLetter).values(values)
    again = {
        "attempts": DeadLetter.attempts + statement.excluded.attempts,
        "reason": statement.excluded.reason,
        "detail": statement.excluded.detail,
        "last_at": statement.excluded.last_at,
        "version": DeadLetter.version + 1,
    }
    statement = statement.on_conflict_do_update(
        index_elements=["key"], index_where=sa.text("state = 'open'"), set_=again
    )
    written: UUID = session.execute(statement.returning(DeadLetter.id)).scalar_one()
    return written


def _tell(session: Session, values: dict[str, Any]) -> None:
    """Write the event that rules of alerts count."""
    event = event_values(
        GIVES_UP,
        "work.given_up",
        risk=None,
        subject_type="dead_letter",
        subject_id=values["id"],
        details={name: str(values[name]) for name in ("source", "name", "reason")},
        portal=None,
    )
    session.execute(sa.insert(SecurityEvent).values(**event, hospital_id=values["hospital_id"]))


def _get_open(letter_id: UUID) -> DeadLetter:
    letter = db.session.get(DeadLetter, letter_id, with_for_update=True)
    if letter is None:
        raise NotFound
    if letter.state is not DeadLetterState.OPEN:
        raise LetterClosed
    return letter


def _decide(letter: DeadLetter, actor: Actor, state: DeadLetterState, why: str | None) -> None:
    letter.state, letter.decision = state, why
    letter.decided_at, letter.decided_by, letter.decided_name = clock.now(), actor.id, actor.name
    db.session.flush()
    action = "dead_letter.retry" if state is DeadLetterState.RETRIED else "dead_letter.dismiss"
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="dead_letter",
        subject_id=letter.id,
        hospital_id=letter.hospital_id,
        changes={"name": letter.name, "reason": why} if why else {"name": letter.name},
    )
