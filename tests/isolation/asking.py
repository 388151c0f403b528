"""Asking the application as everybody: one stage with two worlds of equal ids, and what a route answers there.

What a request changes is undone at its end, so that every person finds the same world and the order does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.core import clock
from app.core.db import RoutedSession
from app.core.permissions import required_by
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital
from app.web.security import limiter
from tests.isolation import people
from tests.isolation.canaries import find_words
from tests.isolation.lines import Line, write_cell, write_who_may
from tests.isolation.objects import Whose, form_for, kinds_of_object, query_for, values_for
from tests.isolation.people import Person
from tests.support.fixed_ids import fixed_id
from tests.support.world import CANARY, World, build_world
from tests.support.world_access import OPERATORS
from tests.support.world_platform import build_platform

HERE, ELSEWHERE = "beta", "alpha"
PORTALS = ("admin", "hospital", "patient", "public")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


class Leak(AssertionError):
    """A word of somebody else stood in an answer."""


@dataclass(slots=True)
class Stage:
    """Two hospitals with equal ids, the people of both, and a count of what was asked."""

    app: Flask
    worlds: dict[str, World]
    by_portal: dict[str, list[Person]]
    strangers: dict[str, list[Person]]
    gone: dict[str, list[Person]]
    other_patient: Person
    headers: dict[tuple[str, str, str | None, str], str] = field(default_factory=dict)
    typed: str = "Lý do thử nghiệm"
    requests: int = 0
    leaks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, person: Person, rule: Rule, method: str, whose: Whose = Whose.OWN) -> int:
        """Send a request and return the status."""
        return self.send(person, rule, method, whose).status_code

    def send(self, person: Person, rule: Rule, method: str, whose: Whose = Whose.OWN, **further: str) -> TestResponse:
        """Send a request; a word in the answer that is not the person's to see is noted as a leak."""
        portal = portal_of(rule)
        hospital = HERE if portal in ("hospital", "patient") else None
        _, path = rule.build(values_for(rule, self.worlds, whose), append_unknown=False) or ("", rule.rule)
        url = f"/h/{hospital}{path}" if hospital else path
        headers = {"Cookie": self._cookies(person, portal, hospital), "X-CSRFToken": self.token, **further}
        if method == "GET":
            sent = {"query_string": query_for(self.worlds, whose)}
        else:
            sent = {"data": form_for(self.worlds, whose, self.typed)}
        response = self.app.test_client(use_cookies=False).open(url, method=method, headers=headers, **sent)
        self.requests += 1
        for word in words_in(response, self.forbidden_to(person, portal, hospital)):
            self.leaks.append(f"{word} for {person.name} of {person.hospital}: {method} {url}, {whose} object")
        if response.status_code >= 500:
            self.failures.append(f"{response.status_code} for {person.name}: {method} {url}")
        return response

    @property
    def all_worlds(self) -> list[World]:
        """The two worlds of equal ids."""
        return [self.worlds["here"], self.worlds["same"]]

    @property
    def token(self) -> str:
        """The form's token that fits everybody's session."""
        return people.form_token(self.app)

    def forbidden_to(self, person: Person, portal: str, hospital: str | None) -> list[str]:
        """Return the canaries that a person may not see at an address."""
        if person.portal == "admin" or person.name == "nobody" or not person.belongs_to(portal, hospital):
            return [CANARY]
        forbidden = [self.worlds["elsewhere"].canary]
        if person.portal == "patient":
            mine, other = self.worlds["here"].patient, self.worlds["here"].other
            forbidden.append(mine.canary if person is self.other_patient else other.canary)
        return forbidden

    def _cookies(self, person: Person, portal: str, hospital: str | None) -> str:
        key = (person.name, person.portal, person.hospital, portal)
        if key not in self.headers:
            self.headers[key] = people.cookies(self.app, person, portal, hospital)
        return self.headers[key]


def words_in(response: TestResponse, words: list[str]) -> set[str]:
    """Return which words stand in an answer: in its body, packed or not, in its headers, in its cookies."""
    headers = str(response.headers).encode()
    if response.mimetype == "text/html" or not response.data:
        text = response.data.lower()
        found = {word for word in words if word.lower().encode() in text}
    else:
        found = find_words(response.data, words)
    return found | find_words(headers, words)


def portal_of(rule: Rule) -> str:
    """Return the portal that a route belongs to, or `public`."""
    first = rule.endpoint.split(".", 1)[0]
    return first if first in PORTALS else "public"


def set_stage(app: Flask, *, everybody: bool = True) -> Stage:
    """Fill both hospitals and sign everybody in; of strangers, if told so, one of each kind only."""
    here, same, elsewhere = _fill(app, HERE, 0), _fill(app, ELSEWHERE, 0), _fill(app, ELSEWHERE, 1)
    staff, strange_staff = people.staff_of(app, here), people.staff_of(app, same)
    (patient, other), strange_patients = people.patients_of(app, here), people.patients_of(app, same)
    crew = people.operators(app)
    staff.append(people.visitor(app, HERE))
    with app.app_context(), unit_of_work():
        build_platform(HERE, fixed_id(OPERATORS))
    few = None if everybody else 1
    gone_patients = people.ended(app, patient, here.patient.account_id)
    return Stage(
        app=app,
        worlds={"here": here, "same": same, "elsewhere": elsewhere},
        by_portal={"hospital": staff, "patient": [patient], "admin": crew, "public": []},
        strangers={
            "hospital": [*strange_staff[:few], patient, *strange_patients[:few], *crew[:few]],
            "patient": [*staff[:few], *strange_patients[:few], *crew[:few]],
            "admin": [*staff[:few], patient, *strange_patients[:few]],
            "public": [*staff[:few], patient, *crew[:few]],
        },
        gone={
            "hospital": [*people.ended(app, staff[0], here.staff["doctor"]), people.disabled_staff(app, here)],
            "patient": gone_patients,
            "admin": people.ended(app, crew[0], fixed_id(OPERATORS)),
            "public": [],
        },
        other_patient=other,
    )


def _fill(app: Flask, code: str, series: int) -> World:
    with app.app_context(), bind_hospital(code), unit_of_work():
        return build_world(code, series)


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield every route with each of its methods."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def observe(stage: Stage, rule: Rule, method: str) -> Line:
    """Ask a route as everybody about everything, and write down what it answers."""
    portal = portal_of(rule)
    kinds = kinds_of_object(rule)
    own = {person.name: stage.ask(person, rule, method) for person in stage.by_portal[portal]}
    may, others = write_who_may(own)
    allowed = [person for person in stage.by_portal[portal] if own[person.name] != 403]
    another = {}
    if Whose.OTHER_PATIENT in kinds:
        another = {person.name: stage.ask(person, rule, method, Whose.OTHER_PATIENT) for person in allowed}
        if portal == "patient" and allowed:
            another["other patient"] = stage.ask(stage.other_patient, rule, method)
    elsewhere = {}
    for whose in (Whose.OTHER_HOSPITAL, Whose.OTHER_PORTAL):
        if whose in kinds:
            elsewhere |= {f"{person.name} ({whose})": stage.ask(person, rule, method, whose) for person in allowed}
    hospital = HERE if portal in ("hospital", "patient") else None
    visitors = [people.anonymous(portal, hospital), *stage.gone[portal]]
    return Line(
        portal=portal,
        method=method,
        address=rule.rule,
        what=describe(stage.app, rule),
        may=may,
        others_of_portal=others,
        another_patients=write_cell(another),
        elsewheres=write_cell(elsewhere),
        nobody=write_cell({person.name: stage.ask(person, rule, method) for person in visitors}),
        strangers=write_cell({_whose(p): stage.ask(p, rule, method) for p in stage.strangers[portal]}),
    )


def _whose(person: Person) -> str:
    return f"{person.name} of {person.hospital or 'the platform'}"


def describe(app: Flask, rule: Rule) -> str:
    """Return what a view says of itself, or its name."""
    view = app.view_functions[rule.endpoint]
    assert required_by(view) is not None
    return (view.__doc__ or rule.endpoint.split(".")[-1].replace("_", " ")).strip().splitlines()[0]


@contextmanager
def undone() -> Iterator[None]:
    """Undo at its end what each unit of work inside changes, and count no tries."""

    def pretend(session: Any) -> None:
        session.flush()
        session.rollback()

    really, enabled = RoutedSession.__dict__.get("commit"), limiter.enabled
    RoutedSession.commit = pretend  # type: ignore[method-assign]
    limiter.enabled = False
    try:
        yield
    finally:
        limiter.enabled = enabled
        if really is None:
            del RoutedSession.commit  # type: ignore[misc]
        else:
            RoutedSession.commit = really  # type: ignore[method-assign]


@contextmanager
def at_noon() -> Iterator[None]:
    """Hold the clock at noon of today in the hospitals' zone, so that visits lie within the day."""
    moment = datetime.combine(clock.today(ZONE), time(12), ZONE)
    with clock.frozen_at(moment):
        yield
