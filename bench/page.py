"""The worklist page through the whole stack against a bare Flask and SQLAlchemy Core app, and what binding costs.

Both serve 50 rows out of 100,000 visits to 16 clients at once, each from one gunicorn process with threads, turn and
turn about in one run. Prints ratios: `worklist` (pages a second, ours to bare), `binding` (microseconds that finding
and binding the hospital add to an empty request, to that request).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.tenancy.registry import Whereabouts
from bench.harness.bare_environment import bare_environment
from bench.harness.binding import binding_costs
from bench.harness.load import Target, alternate, fetch, serving, throughput
from bench.harness.platform import BenchPlatform, bench_platform
from bench.harness.results import Result, options, report, say
from bench.harness.signing_in import sign_in_as
from bench.harness.visits import fill_visits

CODE = "bench"
ROUNDS, SECONDS = 15, 1.0
PAGE_TARGET, BINDING_TARGET = 0.8, 1.0


def main() -> int:
    """Measure and report; return 1 where a target was missed."""
    arguments = options(__doc__ or "")
    with bench_platform() as platform:
        return report(measure(platform), as_json=arguments.json)


def measure(platform: BenchPlatform) -> Iterator[Result]:
    """Give each figure when it is there."""
    place = platform.create_hospital(CODE)
    say("Filling a hospital with 100,000 visits")
    with platform.cluster.connect(place.database) as connection:
        fill_visits(connection)
    ours, bare = worklist(platform, place)
    yield Result("worklist", ours, "pages/s", bare, PAGE_TARGET)
    say("Binding alone")
    added, plain = binding_costs(platform.app, CODE)
    yield Result("binding", added, "µs", plain, BINDING_TARGET, at_most=True)


def worklist(platform: BenchPlatform, place: Whereabouts) -> tuple[float, float]:
    """Return the pages a second of the whole stack and of the bare app, from the round with the median ratio."""
    browser = sign_in_as(platform, CODE, "receptionist", "tiep.don")
    browser.open(f"/h/{CODE}/hospital/today")
    environment = platform.environment | bare_environment(place, CODE, {"hospital.": browser.token})
    with (
        serving("wsgi:app", environment) as our_port,
        serving("bench.harness.bare_wsgi:app", environment) as bare_port,
    ):
        ours = Target(our_port, f"/h/{CODE}/hospital/today", browser.cookies)
        bare = Target(bare_port, "/hospital/today")
        refuse_different(fetch(ours), fetch(bare))
        for target in (ours, bare):
            throughput(target, 1.0)  # warm caches and pools
        say(f"The worklist page, {ROUNDS} rounds of both")
        rounds = alternate(ROUNDS, lambda: throughput(ours, SECONDS), lambda: throughput(bare, SECONDS))
        ordered = sorted(((first, second) for first, second in rounds), key=lambda pair: pair[0] / pair[1])
    return ordered[ROUNDS // 2]


def refuse_different(ours: bytes, bare: bytes) -> None:
    """Stop unless both pages have the same 50 rows; addresses and tokens may differ."""
    rows = [page.count(b'id="visit-') for page in (ours, bare)]
    if rows != [50, 50] or not 0.85 < len(bare) / len(ours) < 1.15:
        raise SystemExit(f"the pages are not alike: {rows} rows, {len(ours)} and {len(bare)} bytes")


if __name__ == "__main__":
    sys.exit(main())
