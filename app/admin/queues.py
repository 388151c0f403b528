"""What workers are doing: how much waits and since when, for whom, who works, and how periodic work went last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, current_app
from markupsafe import Markup

from app.admin import admin
from app.core import queue_state
from app.core.i18n import _l
from app.core.keys import PLATFORM
from app.core.permissions import requires
from app.core.queue_state import LastRun, QueueState
from app.domain.identity.permissions import VIEW_HOSPITALS
from app.tenancy.dead_letters import count_open
from app.web.menu import declare_menu
from app.web.render import render

MOST_HOSPITALS = 50
WAKE = "wake_hospitals"
QUEUES: dict[str, Any] = {
    "fleet": _l("Platform"),
    "hospital": _l("Hospitals"),
    "long": _l("Long work"),
}
OUTCOMES: dict[str, tuple[Any, str]] = {
    "done": (_l("Succeeded"), "success"),
    "failed": (_l("Failed"), "danger"),
    "lost": (_l("Worker died"), "warning"),
    "refused": (_l("Refused"), "danger"),
}

declare_menu("admin.queues_index", _l("Queues"), "list-checks", VIEW_HOSPITALS, 22)


@dataclass(slots=True)
class HospitalWork:
    """What one hospital has in all queues together; `code` is None for the platform's own work."""

    code: str | None
    waiting: int = 0
    oldest_seconds: float | None = None
    running: int = 0
    failed: int = 0
    letters: int = 0


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job of the schedule, when it was asked for, and how it ended last."""

    job: str
    seconds: int
    for_hospital: bool
    asked_at: datetime | None
    last: LastRun | None


@admin.get("/queues")
@requires(VIEW_HOSPITALS)
def queues_index() -> Response:
    """Show the queues; the page asks again for what moves."""
    return render("admin/queues/index.html", **_now(), schedule=_schedule())


@admin.get("/queues/now")
@requires(VIEW_HOSPITALS)
def queues_now() -> Response:
    """Show what moves."""
    return render("admin/queues/now.html", **_now())


def _now() -> dict[str, Any]:
    states, letters = queue_state.list_queue_states(), count_open()
    return {
        "states": states,
        "workers": queue_state.list_workers() or [],
        "hospitals": _by_hospital(states or [], queue_state.count_failures() or {}, letters),
        "letters": sum(letters.values()),
        "QUEUES": QUEUES,
    }


def _by_hospital(states: list[QueueState], failures: dict[str, int], letters: dict[Any, int]) -> list[HospitalWork]:
    """Return who has work or trouble, the most first."""
    found: dict[str | None, HospitalWork] = {}
    for lane in (lane for state in states for lane in state.lanes):
        work = found.setdefault(lane.hospital, HospitalWork(lane.hospital))
        work.waiting, work.running = work.waiting + lane.waiting, work.running + lane.running
        if lane.oldest_seconds is not None:
            work.oldest_seconds = max(work.oldest_seconds or 0.0, lane.oldest_seconds)
    for name, count in failures.items():
        code = None if name == PLATFORM else name
        found.setdefault(code, HospitalWork(code)).failed = count
    for code, count in letters.items():
        found.setdefault(code, HospitalWork(code)).letters = count
    order = sorted(found.values(), key=lambda one: (-one.waiting, -one.letters, -one.failed, one.code or ""))
    return order[:MOST_HOSPITALS]


def _schedule() -> list[Periodic]:
    asked, runs = queue_state.list_asked() or {}, queue_state.list_last_runs() or {}
    return [
        Periodic(
            period.job,
            period.seconds,
            period.for_hospital,
            asked.get(f"{WAKE} {period.seconds}" if period.for_hospital else period.job),
            runs.get(period.job),
        )
        for period in current_app.extensions["jobs"].list_periods()
    ]


@admin.app_template_global()
def breakable(name: str) -> Markup:
    """Write a job's name so that narrow screens may break it between its words."""
    return Markup("_<wbr>").join(name.split("_"))


@admin.app_template_global()
def outcome(word: str) -> tuple[Any, str]:
    """Say how a job ended."""
    return OUTCOMES.get(word, (word, "neutral"))
