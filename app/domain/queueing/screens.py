"""Calling screens that open by themselves: set up by the hospital, opened by a token, taken away at any time.

The token opens numbers and rooms and nothing else; only its digest is kept. It does not end by itself, because a screen
hangs on a wall for years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.ids import hash_token, new_token
from app.core.live import ask_again
from app.domain.audit.operations import record_change
from app.domain.organisation.models import Department
from app.domain.queueing.models import QueueScreen
from app.tenancy.binding import bound_hospital

MOST_SCREENS = 100
LONGEST_NAME = 100


class ScreenNotFound(NotFound):
    title = _l("This screen does not exist")
    default_message = _l("The screen was taken away, or its address is not complete.")
    remedy = _l("Ask whoever runs the hospital's screens for a new address.")


@dataclass(frozen=True, slots=True)
class OpenScreen:
    """A screen that is valid: which, and whose numbers it shows; None for every department's."""

    id: UUID
    department_id: UUID | None


def list_screens() -> Sequence[Any]:
    """Return the screens that stand, by name."""
    query = (
        sa.select(QueueScreen.id, QueueScreen.name, QueueScreen.created_at, Department.name.label("department_name"))
        .outerjoin(Department, Department.id == QueueScreen.department_id)
        .where(QueueScreen.revoked_at.is_(None))
        .order_by(QueueScreen.name, QueueScreen.id)
        .limit(MOST_SCREENS)
    )
    return db.session.execute(query).all()


def create_screen(actor: Actor, name: str, department_id: UUID | None) -> str:
    """Set a screen up and return its token, which is shown this once; raises InvalidValue."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidValue(_l("Enter a name, such as the place where the screen hangs."), field="name")
    if department_id is not None and db.session.get(Department, department_id) is None:
        raise InvalidValue(_l("Choose from what the page offers."), field="department")
    token = new_token()
    screen = QueueScreen(
        name=name,
        department_id=department_id,
        token_hash=hash_token(token),
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(screen)
    db.session.flush()
    record_change(actor, "queue_screen.create", subject_type="queue_screen", subject_id=screen.id)
    return token


def revoke_screen(actor: Actor, screen_id: UUID) -> None:
    """Take a screen away; what it shows goes out at once. Twice harms nothing."""
    screen = db.session.get(QueueScreen, screen_id, with_for_update=True, populate_existing=True)
    if screen is None:
        raise ScreenNotFound
    if screen.revoked_at is not None:
        return
    screen.revoked_at, screen.updated_by = clock.now(), actor.id
    db.session.flush()
    record_change(actor, "queue_screen.revoke", subject_type="queue_screen", subject_id=screen.id)
    code = bound_hospital().code
    after_commit(lambda: ask_again(hospital=code, whom=screen_id))


def find_screen(token: str) -> OpenScreen | None:
    """Return the screen that a token opens, or None."""
    query = sa.select(QueueScreen.id, QueueScreen.department_id).where(
        QueueScreen.token_hash == hash_token(token), QueueScreen.revoked_at.is_(None)
    )
    row = db.session.execute(query).one_or_none()
    return None if row is None else OpenScreen(row.id, row.department_id)
