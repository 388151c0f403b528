"""What is done once a unit of work is safely committed: waking a worker, forgetting a cached answer.

What was asked for is dropped when the unit, or the savepoint in which it was asked for, is rolled back. Nothing
that must happen may hang on it alone: the process may die in between, and then the schedule finds the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction

from app.core.db import db
from app.core.logging import get_logger

log = get_logger(__name__)

WAITING = "after_commit"
COMMITTED = "after_commit_ready"

_Entry = tuple[SessionTransaction | None, Callable[[], Any]]


def after_commit(action: Callable[[], Any], session: Session | None = None) -> None:
    """Run an action after the present unit of work has committed; its failure is logged and undoes nothing."""
    unit = session or db.session()
    if not unit.in_transaction():
        unit.begin()  # a rollback that finds nothing begun tells nobody, and the action would outlive it
    unit.info.setdefault(WAITING, []).append((unit.get_nested_transaction(), action))


@sa.event.listens_for(db.session.session_factory, "after_commit")
def _mark_committed(session: Session) -> None:
    """A released savepoint tells of itself here too; only the outermost commit counts."""
    if not session.in_nested_transaction():
        session.info[COMMITTED] = session.info.pop(WAITING, [])


@sa.event.listens_for(db.session.session_factory, "after_soft_rollback")
def _drop_rolled_back(session: Session, rolled_back: SessionTransaction) -> None:
    waiting: list[_Entry] = session.info.get(WAITING, [])
    session.info[WAITING] = [entry for entry in waiting if not _lies_within(entry[0], rolled_back)]


@sa.event.listens_for(db.session.session_factory, "after_transaction_end")
def _run(session: Session, transaction: SessionTransaction) -> None:
    """Run when the transaction has ended, so that an action may use the session for itself."""
    if transaction.parent is not None:
        return
    session.info.pop(WAITING, None)
    ready: list[_Entry] = session.info.pop(COMMITTED, [])
    for _savepoint, action in ready:
        try:
            action()
        except Exception as error:
            log.error("action after commit failed", action=getattr(action, "__qualname__", str(action)), exc_info=error)


def _lies_within(savepoint: SessionTransaction | None, transaction: SessionTransaction) -> bool:
    """Tell whether a savepoint is the transaction that was rolled back, or inside it; the outermost holds all."""
    if transaction.parent is None:
        return True
    while savepoint is not None:
        if savepoint is transaction:
            return True
        savepoint = savepoint.parent if savepoint.nested else None
    return False
