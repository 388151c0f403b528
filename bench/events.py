"""What happens to events: how soon the centre knows, whether hospitals share workers fairly, reminders, open streams.

Prints rows, each measured by a module of its own, `bench/harness/events_<row>.py`: `fairness` (how long a hospital's
job waits while another hospital floods, to the wait on an idle system), `sync_p95_seconds` (committed change to the
central index with 50 hospitals writing), `reminders` (due in one minute for 300 hospitals), `streams` (idle streams and
their memory). `--only fairness --only streams` measures some of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness.platform import BenchPlatform, bench_platform
from bench.harness.results import Result, report, say

ROWS = ("fairness", "sync_p95_seconds", "reminders", "streams")
Measure = Callable[[BenchPlatform], Iterable[Result]]


def main() -> int:
    """Measure and report; return 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--only", action="append", choices=ROWS, help="measure this row; may be said several times")
    arguments = parser.parse_args()
    measures = {row: measure_of(row) for row in arguments.only or ROWS}  # a missing one is told before an hour's work
    return report(measure(measures), as_json=arguments.json)


def measure_of(row: str) -> Measure:
    """Return the function that measures a row; raises ModuleNotFoundError where nobody wrote it."""
    found: Measure = import_module(f"bench.harness.events_{row}").measure
    return found


def measure(measures: dict[str, Measure]) -> Iterator[Result]:
    """Give each figure when it is there; each row on a platform of its own, which no other row has filled."""
    for row, measured in measures.items():
        say(f"Measuring {row}")
        with bench_platform() as platform:
            yield from measured(platform)


if __name__ == "__main__":
    sys.exit(main())
