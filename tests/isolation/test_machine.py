"""Gate 3: however one walks through the system, nobody sees a word that is not theirs."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import PatientUser, StaffUser
from app.tenancy.binding import bind_hospital
from app.web.security import limiter
from tests.factories.people import with_app
from tests.isolation.asking import Stage
from tests.isolation.figures import LONG, most
from tests.isolation.machine import STAFF, Tally, Walk

# The ordinary tests walk the same ways each time; the long run also looks for new ones.
BOUNDS = settings(
    max_examples=most(16, 150),
    stateful_step_count=most(30, 50),
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_walk_shows_anybody_anothers_words(stage: Stage, record_property: Any) -> None:
    for world in stage.all_worlds:
        with stage.app.app_context(), bind_hospital(world.code), unit_of_work() as session:
            for role in STAFF:
                with_app(session.get_one(StaffUser, world.staff[role]))
            for patient in (world.patient, world.other):
                with_app(session.get_one(PatientUser, patient.account_id))
    tally, enabled = Tally(), limiter.enabled
    limiter.enabled = False
    try:
        run_state_machine_as_test(lambda: Walk(stage, tally), settings=BOUNDS)
    finally:
        limiter.enabled = enabled
    assert set(tally.did) == {
        "sign in", "sign out", "read", "read as nobody", "carry a cookie across", "create", "fail", "be disconnected",
        "read beside requests", "rebind", "queue", "perform a job", "forget what is cached", "restart",
    }  # fmt: skip
    facts = {"walks": tally.walks, "steps": tally.steps, "pages": tally.pages, "jobs": tally.jobs}
    record_property("isolation", {"gate": "machine", **facts})
