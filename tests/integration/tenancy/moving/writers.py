"""People who register patients through the web all the while, and remember what was confirmed to them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import Sex
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.factories.people import PASSWORD
from tests.integration.hospital.pages import fields_of
from tests.support.client import CheckingClient

_numbers = itertools.count(1)


@dataclass(slots=True)
class Writer:
    """One browser: what was confirmed, and how every attempt was answered, in order."""

    browser: CheckingClient
    home: str
    confirmed: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Register one more patient."""
        number = next(_numbers)
        name = f"Người Ghi Số {number}"
        page = self.browser.get(f"{self.home}/patients/new")
        if page.status_code != 200:
            self._answered(page.status_code, page.get_data(as_text=True))
            return
        facts = {
            "full_name": name,
            "born_on": "15031984",
            "sex": "female",
            "cccd": compose_cccd("001", Sex.FEMALE, 1984, number),
            "allergy_state": "none_known",
        }
        response = self.browser.post(f"{self.home}/patients", data=fields_of(page, **facts))
        self._answered(response.status_code, response.get_data(as_text=True))
        if response.status_code == 303:
            self.confirmed.append(name)

    def _answered(self, status: int, words: str) -> None:
        self.answers.append(status)
        if status not in (303, 503):
            self.strange.append(f"{status}: {words[:2000]}")

    def pauses(self) -> int:
        """Return how many times an unbroken run of refusals stood between confirmations."""
        return sum(status == 503 for status, _ in itertools.groupby(self.answers))


@contextmanager
def writing(app: Flask, code: str, count: int = 3) -> Iterator[list[Writer]]:
    """Have people write inside, each in a thread of their own; after it each has written once more."""
    stop, ready = threading.Event(), threading.Barrier(count + 1)
    writers: list[Writer] = []

    def work() -> None:
        writer = Writer(_sign_in(app, code), f"/h/{code}/hospital")
        writers.append(writer)
        writer.write()
        ready.wait(60)
        while not stop.is_set():
            writer.write()
        writer.write()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        ready.wait(60)
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _sign_in(app: Flask, code: str) -> CheckingClient:
    with app.app_context(), bind_hospital(code), unit_of_work():
        username = factories.make_staff("receptionist").username
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    response = browser.submit(f"/h/{code}/hospital/sign-in", {"username": username, "password": PASSWORD})
    assert response.status_code == 303
    return browser
