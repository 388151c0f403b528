"""Telling the relay that a hospital has something to carry. What is told stands in PostgreSQL already."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.after_commit import after_commit
from app.core.bell import ring
from app.core.queue import enqueue
from app.tenancy.binding import bound_hospital

CARRY = "sync_hospital"


def wake_relay(code: str) -> None:
    """Wake the relay for a hospital, or a worker where no relay listens. Never fails: the relay also looks itself."""
    if ring(code) is False:
        enqueue(CARRY, hospital=code)


def wake_relay_after_commit(unit: Session) -> None:
    """Have the relay woken for the bound hospital, once per unit of work, when what the unit wrote is committed."""
    transaction = unit.get_transaction()
    if unit.info.get("relay_woken_for") is transaction:
        return
    if not unit.in_nested_transaction():  # what is asked for in a savepoint may be rolled back with it
        unit.info["relay_woken_for"] = transaction
    code = bound_hospital().code
    after_commit(lambda: wake_relay(code), unit)
