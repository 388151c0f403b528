"""Clients of the logging benchmark: processes with threads that read and write patients by the domain's operations.

The same processes with the same connections work with and without the logs, turn and turn about. Without them only the
statements of the log rows are left out; the outbox event of a write stays.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from flask import Flask

from app import create_app
from app.cli.prepare import settings_of
from app.core.access_mode import reading
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.audit import operations
from app.domain.identity.permissions import REGISTER_PATIENTS, VIEW_PATIENTS, VIEW_RECORDS
from app.domain.patients.models import Sex
from app.domain.patients.operations import register_patient
from app.domain.patients.queries import open_patient
from app.domain.patients.rules import PatientDetails
from app.domain.records.queries import open_chart
from app.tenancy.binding import bind_hospital

PROCESSES, THREADS = 4, 4
NOBODY_IN_PARTICULAR = Actor(
    ActorKind.SYSTEM,
    new_id(),
    "Đo tốc độ",
    permissions=frozenset({VIEW_PATIENTS.code, VIEW_RECORDS.code, REGISTER_PATIENTS.code}),
    address="203.0.113.7",
    request_id="0193f3c2-7e1a-7a10-9d8e-4a7a7b1f0c55",
)


class Clients:
    """Sixteen clients in four processes."""

    def __init__(self, ways: list[Connection]) -> None:
        self._ways = ways

    def throughput(self, what: str, seconds: float, *, logged: bool) -> float:
        """Return how many times a second all clients together did something."""
        began = time.monotonic()
        for way in self._ways:
            way.send((what, logged, seconds))
        done = sum(way.recv() for way in self._ways)
        return float(done) / (time.monotonic() - began)


@contextmanager
def clients(environment: dict[str, str], code: str, patients: list[UUID]) -> Iterator[Clients]:
    """Start the processes; end them afterwards."""
    context = multiprocessing.get_context("spawn")
    ways, started = [], []
    try:
        for number in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, environment, code, patients[number::PROCESSES]))
            process.start()
            started.append(process)
            ways.append(ours)
        for way in ways:
            way.recv()  # it is ready
        yield Clients(ways)
    finally:
        for way in ways:
            way.close()
        for process in started:
            process.join(timeout=20)
            if process.is_alive():
                process.terminate()


def _serve(way: Connection, environment: dict[str, str], code: str, patients: list[UUID]) -> None:
    app = create_app(settings_of(environment, environment="test"))
    way.send("ready")
    acts: dict[str, Callable[[int], None]] = {
        "read": lambda number: _read(patients[number % len(patients)]),
        "least_read": lambda number: _read_least(patients[number % len(patients)]),
        "write": lambda _number: _write(),
    }
    while True:
        try:
            what, logged, seconds = way.recv()
        except EOFError:
            return
        with _logs(written=logged):
            way.send(_run(app, code, acts[what], seconds))


def _run(app: Flask, code: str, act: Callable[[int], None], seconds: float) -> int:
    until, counts, faults = time.monotonic() + seconds, [0] * THREADS, []

    def client(which: int) -> None:
        try:
            with app.app_context(), bind_hospital(code):
                while time.monotonic() < until:
                    act(which + THREADS * counts[which])
                    counts[which] += 1
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=client, args=(which,)) for which in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return sum(counts)


def _read(patient_id: UUID) -> None:
    """Open a patient's chart as a page does, up to the template."""
    with reading():
        open_chart(NOBODY_IN_PARTICULAR, patient_id)
        db.session.remove()


def _read_least(patient_id: UUID) -> None:
    """Read who a patient is, and nothing else."""
    with reading():
        open_patient(NOBODY_IN_PARTICULAR, patient_id)
        db.session.remove()


def _write() -> None:
    """Register a patient and commit."""
    with unit_of_work():
        register_patient(
            NOBODY_IN_PARTICULAR, PatientDetails("Nguyễn Văn Thử", date(1980, 2, 3), Sex.MALE, phone="0912345678")
        )
    db.session.remove()


@contextmanager
def _logs(*, written: bool) -> Iterator[None]:
    """Leave the statements of the log rows out."""
    if written:
        yield
        return
    kept = operations._write_access, operations._write_change
    event = operations._insert(operations._OUTBOX_TABLE, operations._EVENT, "e_")

    def only_event(unit: Any, _statement: Any, values: dict[str, Any]) -> None:
        values = {name: value for name, value in values.items() if name.startswith("e_")}
        unit.execute(event, values, bind_arguments=operations._TO_THE_HOSPITAL)

    operations._write_access, operations._write_change = lambda _values: None, only_event
    try:
        yield
    finally:
        operations._write_access, operations._write_change = kept
