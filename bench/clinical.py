"""The clinical day at 100,000 patients and 500,000 visits, and finding one of a million patients.

Prints `worklist` (a receptionist's day), `consultation` (a doctor's page of a patient with a year of measurements) and
`booking` (the page with free times, and booking one of them) as ratios of what is served a second, to a bare Flask
application over one database that runs the same views with the same statements and templates (`bench/harness/bare.py`),
turn and turn about in one run; and `search_1m_p95_ms`. `--only consultation --only booking` measures some of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.domain.reports.refreshing import view_names
from bench.harness.bare_environment import bare_environment
from bench.harness.clinical_booking import Booking, list_bookings
from bench.harness.clinical_fill import PATIENTS, VISITS, fill_clinic
from bench.harness.clinical_search import measure_search
from bench.harness.load import Load, Target, Work, alternate, fetch, load, serving
from bench.harness.many import worker_cpu_seconds
from bench.harness.platform import BenchPlatform, bench_platform
from bench.harness.results import Result, report, say
from bench.harness.signing_in import Browser, form_token, sign_in_as

CODE = "bench"
ROUNDS, SECONDS = 15, 1.0
TARGETS = {"worklist": 0.8, "consultation": 0.7, "booking": 0.7}
ROWS = (*TARGETS, "search_1m_p95_ms")
Pair = tuple[Work, Work]


def main() -> int:
    """Measure and report; return 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--only", action="append", choices=ROWS, help="measure this row; may be said several times")
    arguments = parser.parse_args()
    with bench_platform() as platform:
        return report(measure(platform, arguments.only or ROWS), as_json=arguments.json)


def measure(platform: BenchPlatform, rows: tuple[str, ...] | list[str]) -> Iterator[Result]:
    """Give each figure when it is there."""
    wanted = [row for row in TARGETS if row in rows]
    if wanted:
        with clinic(platform) as pair_of:
            for row in wanted:
                yield compare(row, pair_of(row))
    if "search_1m_p95_ms" in rows:
        yield measure_search(platform)


@contextmanager
def clinic(platform: BenchPlatform) -> Iterator[Callable[[str], Pair]]:
    """Fill a hospital and serve it twice; give the function that says what is asked of both servers for a row."""
    place = platform.create_hospital(CODE)
    desk = sign_in_as(platform, CODE, "receptionist", "tiep.don")
    with platform.cluster.connect(place.database) as connection:
        departments = connection.execute("SELECT id FROM departments ORDER BY position LIMIT 1").fetchone()
        assert departments is not None
        doctor = sign_in_as(platform, CODE, "doctor", "bac.si", department_id=departments[0])
        say(f"Filling a hospital with {PATIENTS:,} patients and {VISITS:,} visits")
        record = fill_clinic(connection, doctor.person_id)
        bookings = list_bookings(connection)
        say_counting(connection)
    people = {"hospital.consultations": doctor.token, "hospital.": desk.token}
    environment = platform.environment | bare_environment(place, CODE, people)
    with (
        serving("wsgi:app", environment) as ours,
        serving("bench.harness.bare_wsgi:app", environment) as bare,
    ):

        def pair_of(row: str) -> Pair:
            if row == "worklist":
                return pages(ours, bare, "/hospital/today", desk, b'id="visit-')
            if row == "consultation":
                return pages(ours, bare, f"/hospital/consultations/{record}", doctor, b"<textarea")
            page = desk.open(f"/h/{CODE}{bookings[0].page}")
            token = form_token(page)
            half = len(bookings) // 2
            return (
                Booking(ours, f"/h/{CODE}", desk.cookies, token, iter(bookings[:half])),
                Booking(bare, "", "", token, iter(bookings[half:])),
            )

        yield pair_of


def say_counting(connection: psycopg.Connection[Any]) -> None:
    """Tell how long the figures of the reports take: counted for the first time, and again beside readers."""
    for when in ("first", "again"):
        taken = {
            view: connection.execute("SELECT vien_refresh_report(%s, 'Asia/Ho_Chi_Minh')", (view,)).fetchone()
            for view in view_names()
        }
        say(f"Counting figures {when}: " + ", ".join(f"{view} {row[0]} ms" for view, row in taken.items() if row))


def pages(ours: int, bare: int, path: str, person: Browser, mark: bytes) -> Pair:
    """Return the same page of both servers; raises SystemExit where it is not the same."""
    person.open(f"/h/{CODE}{path}")
    pair = Target(ours, f"/h/{CODE}{path}", person.cookies), Target(bare, path)
    answers = [fetch(target) for target in pair]
    marks, lengths = [answer.count(mark) for answer in answers], [len(answer) for answer in answers]
    if marks[0] != marks[1] or not marks[0] or not 0.85 < lengths[1] / lengths[0] < 1.15:
        raise SystemExit(f"the pages are not alike: {marks} of {mark!r}, {lengths} bytes")
    return pair


def compare(row: str, pair: Pair) -> Result:
    """Return the round with the median ratio of both servers, which take turns."""
    for work in pair:
        load(work, 1.0)  # warm caches and pools
    say(f"{row.capitalize()}: {ROUNDS} rounds of both")
    loads: list[list[Load]] = [[], []]
    spent = [-worker_cpu_seconds(work.port) for work in pair]

    def once(which: int) -> float:
        loads[which].append(load(pair[which], SECONDS))
        return loads[which][-1].rate

    rounds = list(alternate(ROUNDS, lambda: once(0), lambda: once(1)))
    ordered = sorted(rounds, key=lambda both: both[0] / both[1])
    p95 = [sorted(one.p95_ms for one in each)[ROUNDS // 2] for each in loads]
    say(f"p95 {p95[0]:.0f} ms to {p95[1]:.0f} ms; ratios from {_ratio(ordered[0]):.2f} to {_ratio(ordered[-1]):.2f}")
    each = [
        1000 * (before + worker_cpu_seconds(work.port)) / sum(one.done for one in done)
        for before, work, done in zip(spent, pair, loads, strict=True)
    ]
    say(f"CPU of the Python process: {each[0]:.1f} ms to {each[1]:.1f} ms each time, {each[1] / each[0]:.2f}")
    return Result(row, ordered[ROUNDS // 2][0], "a second", ordered[ROUNDS // 2][1], TARGETS[row])


def _ratio(both: tuple[float, ...]) -> float:
    return both[0] / both[1]


if __name__ == "__main__":
    sys.exit(main())
