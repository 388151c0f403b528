"""A walk at random over everything that carries state: browsers, sessions, bindings, queues, caches, failures."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.access_mode import is_read_only, reading
from app.core.db import db
from app.core.queue import QUEUES, enqueue, queue_named
from app.core.row_scope import current_row_scope
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.patients.models import Patient
from app.jobs.worker import perform
from app.tenancy.binding import bind_hospital, find_bound_hospital, tenancy
from app.tenancy.errors import HospitalAlreadyBound
from tests.factories import make_patient
from tests.factories.people import PASSWORD
from tests.isolation.asking import Stage, words_in
from tests.isolation.canaries import find_words
from tests.isolation.places import read_redis
from tests.support.platform import ACTOR
from tests.support.world import CANARY, World

HOSPITALS = ("alpha", "beta")
PORTALS = ("hospital", "patient")
STAFF = ("doctor", "nurse", "receptionist", "administrator")
PAGES = {
    "hospital": ("today", "patients?q=Bệnh", "search?q=Bệnh", "patients/{patient}", "visits/{visit}", "account"),
    "patient": (
        "home",
        "record",
        "appointments",
        "profile",
        "appointments/{visit}",
        "appointments/{others}",
        "account",
    ),
}
BROWSERS = (0, 1)
hospitals, portals, browsers = st.sampled_from(HOSPITALS), st.sampled_from(PORTALS), st.sampled_from(BROWSERS)
names, numbers = st.sampled_from([*STAFF, "patient", "other patient"]), st.integers(0, 9)


class Broken(Exception):
    """What a unit of work fails with."""


@dataclass(slots=True)
class Tally:
    """How far the walks went."""

    walks: int = 0
    steps: int = 0
    pages: int = 0
    jobs: int = 0
    did: dict[str, int] = field(default_factory=dict)


class Walk(RuleBasedStateMachine):
    """Two browsers and a worker in two hospitals of equal ids; what is expected is kept beside and compared."""

    def __init__(self, stage: Stage, tally: Tally) -> None:
        super().__init__()
        self.stage, self.tally = stage, tally
        self.worlds = {world.code: world for world in stage.all_worlds}
        self.browsers: list[Any] = []
        self.signed_in: dict[tuple[int, str, str], str] = {}

    @initialize(people=st.lists(st.tuples(browsers, hospitals, names), min_size=3, max_size=5))
    def begin(self, people: list[tuple[int, str, str]]) -> None:
        self.tally.walks += 1
        self.browsers = [self.stage.app.test_client() for _ in BROWSERS]
        for browser, code, name in people:
            self.sign_in(browser, code, name)

    @rule(browser=browsers, code=hospitals, name=names)
    def sign_in(self, browser: int, code: str, name: str) -> None:
        """Sign in beside whoever else is signed in elsewhere; who was here before signs out first."""
        place = (browser, "patient" if name.endswith("patient") else "hospital", code)
        if place in self.signed_in:
            self._leave(place)
        url, client = f"/h/{code}/{place[1]}/sign-in", self.browsers[browser]
        response = client.submit(url, {"username": self._username(code, name), "password": PASSWORD})
        assert response.status_code == 303, (url, name, response.status_code)
        self.signed_in[place] = name
        self._step("sign in")

    @precondition(lambda self: self.signed_in)
    @rule(which=numbers)
    def sign_out(self, which: int) -> None:
        self._leave(self._choose(which))
        self._step("sign out")

    @precondition(lambda self: self.signed_in)
    @rule(which=numbers, page=numbers)
    def read(self, which: int, page: int) -> None:
        """Who is signed in sees their own words, and of others at the most their hospital's."""
        browser, portal, code = self._choose(which)
        name = self.signed_in[browser, portal, code]
        url = f"/h/{code}/{portal}/{self._page(portal, code, name, page)}"
        response = self.browsers[browser].get(url)
        expected = (404,) if portal == "patient" and url.endswith(self._theirs(code, name)) else (200, 303, 403)
        assert response.status_code in expected, (url, name, response.status_code)
        assert words_in(response, self._foreign(portal, code, name)) == set(), (url, name)
        self.tally.pages += 1
        self._step("read")

    @rule(browser=browsers, portal=portals, code=hospitals, page=numbers)
    def read_where_nobody_is_signed_in(self, browser: int, portal: str, code: str, page: int) -> None:
        if (browser, portal, code) in self.signed_in:
            return
        url = f"/h/{code}/{portal}/{self._page(portal, code, None, page)}"
        response = self.browsers[browser].get(url)
        assert response.status_code == 303, (url, response.status_code)
        assert "/sign-in" in response.headers["Location"]
        assert words_in(response, [CANARY]) == set()
        self.tally.pages += 1
        self._step("read as nobody")

    @precondition(lambda self: self.signed_in)
    @rule(which=numbers)
    def carry_a_cookie_across(self, which: int) -> None:
        """What a browser carries for one hospital, shown at the other under the other's name, is nobody's."""
        browser, portal, code = self._choose(which)
        other = "beta" if code == "alpha" else "alpha"
        cookie = self.browsers[browser].get_cookie(f"vien-{portal}-{code}", path=f"/h/{code}")
        assert cookie is not None
        thief = self.stage.app.test_client()
        thief.set_cookie(f"vien-{portal}-{other}", cookie.value, path=f"/h/{other}")
        response = thief.get(f"/h/{other}/{portal}/{PAGES[portal][0]}")
        assert response.status_code == 303
        assert words_in(response, [CANARY]) == set()
        self._step("carry a cookie across")

    @rule(code=hospitals)
    def create(self, code: str) -> None:
        with self.stage.app.app_context(), bind_hospital(code), unit_of_work():
            patient = make_patient(full_name=f"Bệnh {self.worlds[code].canary}")
            facts = {"subject_type": "patient", "subject_id": patient.id, "patient_id": patient.id}
            record_change(ACTOR, "patient.register", event={"patient_version": 1}, **facts)
        self._step("create")

    @rule(code=hospitals)
    def fail(self, code: str) -> None:
        with self.stage.app.app_context(), suppress(Broken), bind_hospital(code), unit_of_work():
            make_patient(full_name=f"Lost {self.worlds[code].canary}")
            raise Broken
        self._step("fail")

    @rule(code=hospitals)
    def fail_in_the_database(self, code: str) -> None:
        with self.stage.app.app_context(), suppress(sa.exc.DBAPIError), bind_hospital(code), unit_of_work() as session:
            session.execute(sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())).select_from(Patient))
        self._step("be disconnected")

    @rule(code=hospitals)
    def read_beside_requests(self, code: str) -> None:
        with self.stage.app.app_context(), bind_hospital(code), reading():
            names = set(db.session.scalars(sa.select(Patient.full_name)))
        assert all(self.worlds[code].canary in name for name in names)
        assert not any(name.startswith("Lost") for name in names)
        self._step("read beside requests")

    @rule(code=hospitals, other=hospitals)
    def rebind(self, code: str, other: str) -> None:
        with self.stage.app.app_context():
            with suppress(HospitalAlreadyBound), bind_hospital(code), bind_hospital(other):
                raise AssertionError("a hospital was bound inside another")
            with bind_hospital(other):
                assert self.worlds[other].canary in (db.session.scalar(sa.select(Patient.full_name).limit(1)) or "")
        self._step("rebind")

    @rule(code=hospitals, name=st.sampled_from(["sync_hospital", "deliver_messages", "send_due_reminders"]))
    def queue(self, code: str, name: str) -> None:
        with self.stage.app.app_context():
            enqueue(name, hospital=code)
        self._step("queue")

    @rule()
    def perform_a_job(self) -> None:
        with self.stage.app.app_context():
            job = next((job for name in QUEUES for job in queue_named(name).jobs), None)
            if job is None:
                return
            job.delete()
            perform(*job.args)
        self.tally.jobs += 1
        self._step("perform a job")

    @rule()
    def forget_what_is_cached(self) -> None:
        with self.stage.app.app_context():
            tenancy().registry.forget()
        self._step("forget what is cached")

    @rule()
    def restart(self) -> None:
        with self.stage.app.app_context():
            tenancy().registry.forget()
            tenancy().engines.dispose()
        self._step("restart")

    @invariant()
    def nothing_is_left_over(self) -> None:
        assert (find_bound_hospital(), is_read_only(), current_row_scope()) == (None, False, None)

    def teardown(self) -> None:
        """See that no word has come to Redis on the walk."""
        for where, what in read_redis(self.stage.app):
            assert find_words(what, [CANARY]) == set(), where

    def _choose(self, which: int) -> tuple[int, str, str]:
        return sorted(self.signed_in)[which % len(self.signed_in)]

    def _leave(self, place: tuple[int, str, str]) -> None:
        browser, portal, code = place
        del self.signed_in[place]
        token = self.browsers[browser].csrf_token(f"/h/{code}/{portal}/account")
        response = self.browsers[browser].post(f"/h/{code}/{portal}/sign-out", data={"csrf_token": token})
        assert response.status_code == 303

    def _step(self, name: str) -> None:
        self.tally.steps += 1
        self.tally.did[name] = self.tally.did.get(name, 0) + 1

    def _username(self, code: str, name: str) -> str:
        world = self.worlds[code]
        return {"patient": world.patient.cccd, "other patient": world.other.cccd}.get(name, name)

    def _page(self, portal: str, code: str, name: str | None, number: int) -> str:
        world = self.worlds[code]
        mine, others = (world.other, world.patient) if name == "other patient" else (world.patient, world.other)
        page = PAGES[portal][number % len(PAGES[portal])]
        return page.format(patient=mine.patient_id, visit=mine.visits["signed"], others=others.visits["signed"])

    def _theirs(self, code: str, name: str) -> str:
        world = self.worlds[code]
        return str((world.patient if name == "other patient" else world.other).visits["signed"])

    def _foreign(self, portal: str, code: str, name: str | None) -> list[str]:
        """Return the words that this person may not see here."""
        if name is None:
            return [CANARY]
        world: World = self.worlds[code]
        foreign = [other.canary for other in self.stage.all_worlds if other.code != code]
        if portal == "patient":
            foreign.append(world.patient.canary if name == "other patient" else world.other.canary)
        return foreign
