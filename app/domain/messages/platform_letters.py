"""Letters to operators: into the centre's ledger, and out of it, with the same care for once as hospitals' messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.messages.channels import CONSOLE, Letter, Outcome, Transport
from app.domain.messages.delivery import ENDED
from app.domain.messages.rules import CLAIM, pause_after
from app.domain.messages.templates import LOCALES, SECRET, write
from app.tenancy.models import LetterState, PlatformLetter

log = get_logger(__name__)

SENDER = "-"  # in place of a hospital's code


def queue_platform_letter(
    key: str, template: str, *, recipient: str, locale: str, facts: Mapping[str, str], created_by: UUID | None = None
) -> None:
    """Write an e-mail to an operator into the ledger; once per key."""
    locale = locale if locale in LOCALES else LOCALES[0]
    words, now = write(template, locale, facts), clock.now()
    statement = insert(PlatformLetter).values(
        id=new_id(),
        key=key,
        template=template,
        locale=locale,
        recipient=recipient,
        subject=words.subject,
        body=words.body,
        state=LetterState.QUEUED,
        next_attempt_at=now,
        created_at=now,
        created_by=created_by,
    )
    db.session.execute(statement.on_conflict_do_nothing(index_elements=["key"]))


def deliver_platform_letters(transport: Transport, limit: int = 100) -> int:
    """Send what is due, one after the other; return how many were tried."""
    _give_up_on_the_unknown()
    tried = 0
    while tried < limit and (taken := _take()) is not None:
        letter_id, letter = taken
        outcome = transport.send(letter, lambda: _begin_sending(letter_id))  # noqa: B023
        _write_down(letter_id, outcome)
        tried += 1
    return tried


def _give_up_on_the_unknown() -> None:
    with unit_of_work() as session:
        session.execute(
            sa.update(PlatformLetter)
            .where(_is_due(), PlatformLetter.state == LetterState.SENDING)
            .values(state=LetterState.UNKNOWN, error=ENDED)
            .execution_options(synchronize_session=False)
        )


def _take() -> tuple[UUID, Letter] | None:
    with unit_of_work() as session:
        letter = session.scalar(
            sa.select(PlatformLetter)
            .where(_is_due(), PlatformLetter.state == LetterState.QUEUED)
            .order_by(PlatformLetter.next_attempt_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if letter is None:
            return None
        letter.attempts += 1
        letter.next_attempt_at = clock.now() + CLAIM
        return letter.id, Letter(letter.key, SENDER, letter.recipient, letter.subject, letter.body)


def _begin_sending(letter_id: UUID) -> None:
    _set(letter_id, state=LetterState.SENDING, next_attempt_at=clock.now() + CLAIM)


def _write_down(letter_id: UUID, outcome: Outcome) -> None:
    state, now = LetterState(outcome.state.value), clock.now()
    if state is LetterState.QUEUED:
        _put_off(letter_id, outcome.error)
        return
    _set(
        letter_id,
        state=state,
        provider_id=outcome.provider_id,
        error=outcome.error,
        sent_at=now if state is LetterState.SENT else None,
        forget=state is LetterState.SENT and outcome.provider_id != CONSOLE,
    )


def _put_off(letter_id: UUID, error: str | None) -> None:
    with unit_of_work() as session:
        letter = session.get_one(PlatformLetter, letter_id)
        pause = pause_after(letter.attempts)
        letter.state = LetterState.FAILED if pause is None else LetterState.QUEUED
        letter.next_attempt_at = None if pause is None else clock.now() + pause
        letter.error = error
    if pause is None:
        log.error("letter given up", letter=str(letter_id), error=error)


def _set(letter_id: UUID, *, forget: bool = False, **values: Any) -> None:
    with unit_of_work() as session:
        letter = session.get_one(PlatformLetter, letter_id)
        for name, value in values.items():
            setattr(letter, name, value)
        if forget and letter.template in SECRET:
            letter.body = ""


def _is_due() -> sa.ColumnElement[bool]:
    return sa.and_(
        PlatformLetter.state.in_((LetterState.QUEUED, LetterState.SENDING)),
        PlatformLetter.next_attempt_at <= clock.now(),
    )
