"""Who performs an operation and who changes a hospital: rows that run out unless they are kept alive.

Rows, not session locks: they hold through a transaction pooler, and a machine that vanished is noticed. Whoever was
away for longer than a lease finds at its next write that it has lost it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.db import db
from app.core.logging import get_logger
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import LeaseLost
from app.tenancy.models import HospitalLease, Operation, OperationState

log = get_logger(__name__)

LEASE_SECONDS = 45
BEAT_SECONDS = 10


def new_runner() -> str:
    """Return a token that names this process to people and nobody else to the database."""
    return f"{_machine()}:{os.getpid()}:{secrets.token_hex(6)}"


def is_dead(runner: str | None) -> bool:
    """Tell whether a runner was a process of this machine that is gone; of others only time tells."""
    machine, _, number = (runner or "").rpartition(":")[0].rpartition(":")
    if machine != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@cache
def _machine() -> str:
    """Name this machine since it was started, and its view of process numbers: containers may share a host's name."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    view = Path("/proc/self/ns/pid").readlink().name
    return f"{socket.gethostname()}-{hashlib.sha256(f'{boot} {view}'.encode()).hexdigest()[:8]}"


def claim_operation(operation_id: UUID, runner: str) -> bool:
    """Take an operation that waits, or whose runner is dead or was not heard of for the length of a lease."""
    stale = Operation.heartbeat_at < sa.func.now() - sa.text(f"interval '{LEASE_SECONDS} seconds'")
    if _claim(operation_id, runner, stale):
        return True
    with db.engine.connect() as connection:
        holder = connection.scalar(sa.select(Operation.runner).where(Operation.id == operation_id))
    return is_dead(holder) and _claim(operation_id, runner, Operation.runner == holder)


def _claim(operation_id: UUID, runner: str, left: sa.ColumnElement[bool]) -> bool:
    taken = (
        sa.update(Operation)
        .where(
            Operation.id == operation_id,
            sa.or_(Operation.state == OperationState.QUEUED, sa.and_(Operation.state == OperationState.RUNNING, left)),
        )
        .values(
            state=OperationState.RUNNING,
            runner=runner,
            attempts=Operation.attempts + 1,
            started_at=sa.func.coalesce(Operation.started_at, sa.func.now()),
            heartbeat_at=sa.func.now(),
        )
    )
    with db.engine.begin() as connection:
        return connection.execute(taken).rowcount == 1


def take_hospitals(hospital_ids: list[UUID], runner: str, purpose: str) -> set[UUID]:
    """Take the right to change hospitals as a whole; return those that were free, or were ours already."""
    if not hospital_ids:
        return set()
    taken = _take(hospital_ids, [runner], runner, purpose)
    refused = [one for one in hospital_ids if one not in taken]
    if not refused:
        return taken
    with db.engine.connect() as connection:
        query = sa.select(HospitalLease.runner).where(HospitalLease.hospital_id.in_(refused)).distinct()
        dead = [holder for holder in connection.scalars(query) if is_dead(holder)]
    return taken | _take(refused, dead, runner, purpose) if dead else taken


def _take(hospital_ids: list[UUID], from_whom: list[str], runner: str, purpose: str) -> set[UUID]:
    expires = sa.func.now() + sa.text(f"interval '{LEASE_SECONDS} seconds'")
    wanted = insert(HospitalLease).values(
        [{"hospital_id": one, "runner": runner, "purpose": purpose, "expires_at": expires} for one in hospital_ids]
    )
    taken = wanted.on_conflict_do_update(
        index_elements=["hospital_id"],
        set_={"runner": runner, "purpose": purpose, "expires_at": expires},
        where=sa.or_(HospitalLease.expires_at < sa.func.now(), HospitalLease.runner.in_(from_whom)),
    ).returning(HospitalLease.hospital_id)
    with db.engine.begin() as connection:
        return set(connection.scalars(taken))


def give_back(runner: str, hospital_ids: list[UUID] | None = None) -> None:
    """Let others change hospitals again: those named, or all that this runner holds."""
    held = sa.delete(HospitalLease).where(HospitalLease.runner == runner)
    if hospital_ids is not None:
        held = held.where(HospitalLease.hospital_id.in_(hospital_ids))
    with db.engine.begin() as connection:
        connection.execute(held)


def has_hospital(hospital_id: UUID, runner: str) -> bool:
    """Tell whether a runner still has a hospital, or at least nobody else has had it since."""
    held = sa.exists().where(HospitalLease.hospital_id == hospital_id, HospitalLease.runner == runner)
    with db.engine.connect() as connection:
        return bool(connection.scalar(sa.select(held)))


def keep_hospital(session: Session, hospital_id: UUID, runner: str) -> None:
    """See that a runner has a hospital, and that nobody takes it before the transaction ends; raises LeaseLost."""
    held = sa.select(HospitalLease.hospital_id).where(
        HospitalLease.hospital_id == hospital_id, HospitalLease.runner == runner
    )
    if session.scalar(held.with_for_update()) is None:
        raise LeaseLost


@contextmanager
def holding_hospital(hospital_id: UUID, purpose: str) -> Iterator[str]:
    """Change a hospital as a whole while nobody else does; raises HospitalBusy. For acts that are no operation."""
    runner = new_runner()
    if not take_hospitals([hospital_id], runner, purpose):
        raise HospitalBusy
    try:
        with Heartbeat(runner):
            yield runner
    finally:
        give_back(runner)


class Heartbeat:
    """Keeps everything alive that a runner holds, from a thread of its own."""

    def __init__(self, runner: str) -> None:
        self._runner = runner
        self._engine = db.engine
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join(5)

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                self._once()
            except Exception as error:
                log.warning("heartbeat missed", error=type(error).__name__)

    def _once(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(Operation).where(Operation.runner == self._runner).values(heartbeat_at=sa.func.now())
            )
            connection.execute(
                sa.update(HospitalLease)
                .where(HospitalLease.runner == self._runner)
                .values(expires_at=sa.func.now() + sa.text(f"interval '{LEASE_SECONDS} seconds'"))
            )
