"""A day at the hospitals: everybody does everything their portal lets them, and it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask

from app.core.queue import QUEUES, enqueue, queue_named
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.models import MessageState
from app.jobs.rounds import find_due
from app.jobs.schedule import list_periods
from app.jobs.worker import perform
from app.web.security import limiter
from tests.isolation.asking import Stage, portal_of, routes
from tests.isolation.people import anonymous

# Work that takes a database apart or waits for another server: it has tests of its own.
HEAVY = (
    "/suspend", "/archive", "/delete", "/exit-kits", "/credentials/rotate", "/database", "/restores", "/schema",
    "/backups", "/drills", "/rekey", "/count", "/fleet/migrations", "/fleet/isolation", "/verify",
)  # fmt: skip
LEAVING = ("sign_out",)


@dataclass(slots=True)
class Recorder:
    """A way out that keeps what it is given."""

    name = "recorder"
    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Take a letter."""
        commit()
        self.letters.append(letter)
        return Outcome(MessageState.SENT, provider_id="recorder")


def live_through(stage: Stage, portals: tuple[str, ...] = ("hospital", "patient", "admin")) -> None:
    """Let everybody read everything, then do everything; what is typed carries the first patient's word."""
    patient = stage.worlds["here"].patient
    enabled, limiter.enabled = limiter.enabled, False
    try:
        for reading in (True, False):
            for portal in portals:
                stage.typed = "Lý do thử nghiệm" if portal == "admin" else f"Lý do {patient.canary}"
                _do_all(stage, portal, reading=reading)
    finally:
        limiter.enabled = enabled
    _try_to_sign_in(stage, patient.cccd)


def _do_all(stage: Stage, portal: str, *, reading: bool) -> None:
    for rule, method in routes(stage.app):
        if portal_of(rule) != portal or (method == "GET") is not reading or rule.endpoint.endswith(LEAVING):
            continue
        if portal == "admin" and not reading and rule.rule.endswith(HEAVY):
            continue
        for person in stage.by_portal[portal]:
            stage.ask(person, rule, method)


def _try_to_sign_in(stage: Stage, number: str) -> None:
    """Type a patient's number at every door, as somebody who has forgotten the password does."""
    stage.typed = number
    for rule, method in routes(stage.app):
        portal = portal_of(rule)
        if rule.endpoint.endswith(".sign_in") and method == "POST":
            hospital = None if portal == "admin" else stage.worlds["here"].code
            for _ in range(3):
                stage.ask(anonymous(portal, hospital), rule, method)


def wake(app: Flask, codes: tuple[str, ...]) -> None:
    """Ask for everything that is due by the schedule in hospitals, as the round does."""
    periods = [period for period in list_periods() if period.for_hospital]
    with app.app_context():
        for code in codes:
            for name in find_due(app, code, periods):
                enqueue(name, hospital=code)


def perform_jobs(app: Flask) -> int:
    """Perform in this process, verified and bound as a worker does, whatever waits in the queues; return how many."""
    performed = 0
    with app.app_context():
        while jobs := [job for name in QUEUES for job in queue_named(name).jobs]:
            for job in jobs:
                job.delete()
                perform(*job.args)
                performed += 1
    return performed
