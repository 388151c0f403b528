"""The ledger of a hospital's making: what is done, what failed and why, so that a second try goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.errors import HospitalBusy, UnknownHospital
from app.tenancy.models import Hospital, HospitalStatus, ProvisioningStep, StepState

log = get_logger(__name__)

STEPS = ("place", "database", "identity", "content", "administrator", "activate")


class Saga:
    """The ledger of one hospital's making. Two tries at once wait for each other."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._lock: sa.Connection | None = None

    def __enter__(self) -> Saga:
        with unit_of_work() as session:
            hospital = session.scalar(sa.select(Hospital).where(Hospital.code == self._code))
            if hospital is None:
                raise UnknownHospital
            self._id = hospital.id
        self._lock = db.engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        try:
            self._take_lock()
            with unit_of_work() as session:
                status = session.scalar(sa.select(Hospital.status).where(Hospital.id == self._id))
                self.finished = status is not HospitalStatus.PROVISIONING
        except BaseException:
            self._release()
            raise
        return self

    def _take_lock(self) -> None:
        """Wait for another try to end, as long as the role's lock_timeout allows; raises HospitalBusy after that."""
        try:
            self._lock.execute(sa.select(sa.func.pg_advisory_lock(_lock_number(self._id))))  # type: ignore[union-attr]
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                raise HospitalBusy from None
            raise

    def __exit__(self, *_error: object) -> None:
        self._release()

    def _release(self) -> None:
        """Give the lock back by closing its connection, which works in whatever state that one is."""
        if self._lock is not None:
            self._lock.invalidate()
            self._lock.close()

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Do one step unless the ledger says that it is done; write down how it went."""
        if self._state_of(name) is StepState.DONE:
            return
        self._note(name, StepState.RUNNING)
        try:
            work()
        except Exception as error:
            self._note(name, StepState.FAILED, error=_first_line(error))
            raise
        self._note(name, StepState.DONE)

    def _state_of(self, name: str) -> StepState | None:
        with unit_of_work() as session:
            return session.scalar(
                sa.select(ProvisioningStep.state).where(
                    ProvisioningStep.hospital_id == self._id, ProvisioningStep.step == name
                )
            )

    def _note(self, name: str, state: StepState, error: str | None = None) -> None:
        with unit_of_work() as session:
            row = session.scalar(
                sa.select(ProvisioningStep).where(
                    ProvisioningStep.hospital_id == self._id, ProvisioningStep.step == name
                )
            )
            if row is None:
                row = ProvisioningStep(hospital_id=self._id, step=name, state=state, started_at=clock.now())
                session.add(row)
            if state is StepState.RUNNING:
                row.started_at = clock.now()
            row.state, row.error = state, error
            row.finished_at = None if state is StepState.RUNNING else clock.now()
        log.info("provisioning step", hospital=self._code, step=name, state=state.value, error=error)


def _first_line(error: Exception) -> str:
    """Name an error for operators; further lines may quote the statement, and with it a password."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


def _lock_number(hospital_id: UUID) -> int:
    return hospital_id.int % 2**63
