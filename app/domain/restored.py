"""What must not come alive again when a hospital's data comes back, and what the centre must hear anew.

A backup is of an earlier time: sessions that were ended since, messages that were sent since, stand in it as they were.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.crypto import CannotDecrypt, Keyring, Sealed
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise_fully
from app.domain.identity.factors_restored import keep_factors, read_factors
from app.domain.identity.models import PatientSession, PatientUser, StaffSession, StaffUser
from app.domain.identity.proofs import Invitation, PasswordReset
from app.domain.messages.models import AppointmentReminder, MessageState, OutboundMessage, ReminderState
from app.domain.privacy.performing import erase_again, erase_what_the_centre_remembers, read_erasures
from app.domain.support.restored import end_support
from app.tenancy.configuration import forget_applied
from app.tenancy.models import PatientIndexEntry
from app.tenancy.restores.hooks import Restored, carries_over, follows_restore, prepares_restored
from app.tenancy.usage import doubt_usage


def register() -> None:
    """Have every restore do what stands here."""
    carries_over(list_closed_accounts, close_accounts)
    carries_over(read_factors, keep_factors)
    carries_over(read_erasures, erase_again)
    prepares_restored(erase_what_the_centre_remembers)
    for preparer in (end_sessions, close_invitations, send_nothing_twice, drop_unreadable_second_factors, end_support):
        prepares_restored(preparer)
    follows_restore(tell_the_centre_anew)


def end_sessions(_restored: Restored) -> dict[str, int]:
    """Have everybody sign in again: a session that was ended after the backup would be open."""
    ended = 0
    for session in (StaffSession, PatientSession):
        query = sa.update(session).where(session.ended_at.is_(None)).values(ended_at=clock.now())
        ended += len(db.session.execute(query.returning(session.id)).all())
    return {"sessions_ended": ended}


def close_invitations(_restored: Restored) -> dict[str, int]:
    """Have open invitations and resets expire: one that was used after the backup would work once more."""
    return {
        said: _expire(model)
        for model, said in ((Invitation, "invitations_closed"), (PasswordReset, "resets_closed"))
        if db.session.scalar(sa.select(sa.func.to_regclass(model.__tablename__)), bind_arguments={"mapper": model})
    }


def _expire(model: type[Invitation | PasswordReset]) -> int:
    now = clock.now()
    query = sa.update(model).where(model.used_at.is_(None), model.expires_at > now)
    return len(db.session.execute(query.values(expires_at=now).returning(model.id)).all())


def list_closed_accounts() -> dict[str, list[UUID]]:
    """Return whose accounts are closed now."""
    return {
        model.__tablename__: list(db.session.scalars(sa.select(model.id).where(model.disabled_at.is_not(None))))
        for model in (StaffUser, PatientUser)
    }


def close_accounts(closed: dict[str, list[UUID]]) -> dict[str, int]:
    """Keep accounts closed that were closed after the backup: who was dismissed does not come back with it."""
    count = 0
    for model in (StaffUser, PatientUser):
        again = sa.update(model).where(model.id.in_(closed[model.__tablename__]), model.disabled_at.is_(None))
        count += len(db.session.execute(again.values(disabled_at=clock.now()).returning(model.id)).all())
    return {"accounts_kept_closed": count}


def send_nothing_twice(_restored: Restored) -> dict[str, int]:
    """Take back what was due, or on its way, at the time of the backup: it has most likely been sent since.

    A reminder that is still to come stays; one whose time has passed would come too late even if it was not sent.
    """
    now = clock.now()
    reminders = (
        sa.update(AppointmentReminder)
        .where(AppointmentReminder.state == ReminderState.PENDING, AppointmentReminder.due_at <= now)
        .values(state=ReminderState.CANCELLED, updated_at=now)
        .returning(AppointmentReminder.id)
    )
    messages = (
        sa.update(OutboundMessage)
        .where(OutboundMessage.state.in_((MessageState.QUEUED, MessageState.SENDING)))
        .values(state=MessageState.UNKNOWN, error="restored from a backup", next_attempt_at=None, updated_at=now)
        .returning(OutboundMessage.id)
    )
    return {
        "reminders_cancelled": len(db.session.execute(reminders).all()),
        "messages_withheld": len(db.session.execute(messages).all()),
    }


def drop_unreadable_second_factors(_restored: Restored) -> dict[str, int]:
    """Take away second factors that are sealed under a key that is not here: nobody could ever pass them.

    Their owners sign in by password and enrol again.
    """
    keyring: Keyring = current_app.extensions["keyring"]
    dropped = 0
    for model in (StaffUser, PatientUser):
        query = sa.select(model.id, model.totp_ciphertext, model.totp_nonce, model.totp_key_id).where(
            model.totp_ciphertext.is_not(None)
        )
        unreadable = [row.id for row in db.session.execute(query) if not _opens(keyring, row)]
        gone = sa.update(model).where(model.id.in_(unreadable))
        db.session.execute(gone.values(totp_ciphertext=None, totp_nonce=None, totp_key_id=None, totp_last_step=None))
        dropped += len(unreadable)
    return {"second_factors_dropped": dropped}


def tell_the_centre_anew(restored: Restored) -> None:
    """Have the index take every patient as the restored hospital has them, older versions included."""
    with unit_of_work() as session:
        session.execute(
            sa.update(PatientIndexEntry)
            .where(PatientIndexEntry.hospital_id == restored.hospital_id)
            .values(source_version=0)
        )
        doubt_usage(restored.hospital_id)
        forget_applied(restored.hospital_id)
    synchronise_fully(restored.code)


def _opens(keyring: Keyring, row: Any) -> bool:
    try:
        keyring.open(Sealed(row.totp_ciphertext, row.totp_nonce, row.totp_key_id), f"totp:{row.id}")
    except CannotDecrypt:
        return False
    return True
