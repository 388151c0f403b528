"""Booking as the desk does it: the page with a doctor's free times, then one of these for a patient; each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import urlencode

import psycopg

from bench.harness.clinical_fill import DOCTORS, FREE_DAYS, FREE_SLOTS, NEVER_SEEN
from bench.harness.load import Step

# Doctors without visits so far, in the two months to come; each patient, who has none either, is booked once.
FREE: LiteralString = """
WITH slots AS (
    SELECT s.id AS doctor, s.department_id AS department, day, row_number() OVER (ORDER BY slot, day, s.username) AS n,
        to_char(date_trunc('day', now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + make_interval(days => day), 'DD/MM/YYYY')
            AS shown,
        (date_trunc('day', now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + make_interval(days => day)
        + interval '7 hours 30 minutes' + slot * interval '15 minutes') AT TIME ZONE 'Asia/Ho_Chi_Minh' AS starts_at
    FROM staff_users s, generate_series(1, %(days)s) day, generate_series(0, %(slots)s - 1) slot
    WHERE s.username LIKE 'bench%%' AND substr(s.username, 6)::integer > %(doctors)s
), people AS (
    SELECT id, row_number() OVER (ORDER BY code DESC) AS n FROM patients ORDER BY code DESC LIMIT %(unseen)s
)
SELECT people.id, slots.department, slots.doctor, slots.shown, slots.starts_at
FROM slots JOIN people ON people.n = slots.n + 1
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """A free time for a patient."""

    page: str
    action: str
    slot: str


def list_bookings(connection: psycopg.Connection[Any]) -> list[Wish]:
    """Return what can be booked, each for another patient."""
    facts = {"days": FREE_DAYS, "slots": FREE_SLOTS, "doctors": DOCTORS, "unseen": NEVER_SEEN}
    wishes = []
    for patient, department, doctor, day, starts_at in connection.execute(FREE, facts).fetchall():
        asked = urlencode({"department": department, "doctor": doctor, "day": day})
        address = f"/hospital/patients/{patient}/visits"
        wishes.append(Wish(f"{address}/new?{asked}", f"{address}?{asked}", f"{doctor}|{starts_at.isoformat()}"))
    return wishes


@dataclass(frozen=True, slots=True)
class Booking:
    """What a client at the desk does again and again, each time with another wish."""

    port: int
    prefix: str
    cookies: str
    token: str
    wishes: Iterator[Wish]

    def next(self) -> tuple[Step, ...]:
        """Return the page with free times and the form that books one; raises StopIteration where none is left."""
        wish = next(self.wishes)
        fields = {"csrf_token": self.token, "slot": wish.slot, "reason": "Tái khám tăng huyết áp"}
        body = urlencode(fields).encode()
        head = f"Host: 127.0.0.1:{self.port}\r\n" + (f"Cookie: {self.cookies}\r\n" if self.cookies else "")
        kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        return (
            Step(f"GET {self.prefix}{wish.page} HTTP/1.1\r\n{head}\r\n".encode()),
            Step(f"POST {self.prefix}{wish.action} HTTP/1.1\r\n{head}{kind}\r\n".encode() + body, b"303"),
        )
