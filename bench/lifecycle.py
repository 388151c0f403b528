"""What operators do to hospitals, each beside the least that PostgreSQL's own tools need for the same.

Prints ratios: `create` (milliseconds until a new hospital serves, to a bare copy of the template), `migrate_100`
(seconds for one column and one index in 100 hospitals, to the same SQL by hand), `fleet_current` (seconds of database
time to find that 500 hospitals are current), `backup` and `restore` (MB/s, compressed and encrypted, to `pg_dump -Fc`
and `pg_restore`), `many_hospitals` (connections that 300 hospitals take in two processes, to the budget).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness.backups import measure_keeping
from bench.harness.creation import measure_creation
from bench.harness.many import measure_many
from bench.harness.migrations import measure_migrations
from bench.harness.platform import BenchPlatform, bench_platform
from bench.harness.results import Result, options, report


def main() -> int:
    """Measure and report; return 1 where a target was missed."""
    arguments = options(__doc__ or "")
    with bench_platform() as platform:
        return report(measure(platform), as_json=arguments.json)


def measure(platform: BenchPlatform) -> Iterator[Result]:
    """Give each figure when it is there."""
    yield measure_creation(platform)
    yield from measure_keeping(platform)
    yield measure_many(platform)
    yield from measure_migrations(platform)  # last: it fills the register with 500 hospitals that are on paper only


if __name__ == "__main__":
    sys.exit(main())
