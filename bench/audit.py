"""What audit and access logging cost: sixteen clients write and read patients, with the logs and without.

Prints ratios: `write_16_clients` (patients registered a second, each in a transaction that waits for the disk, to the
same without the audit row) and `read_16_clients` (charts opened a second, to the same without the access row). Both
go through the domain's operations, without pages around them, which would make the logs look cheaper than they are.
`least_read` is the worst case, a read of nothing but one patient's own row: one SELECT, and the access row beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness.load import alternate
from bench.harness.log_clients import Clients, clients
from bench.harness.platform import BenchPlatform, bench_platform
from bench.harness.results import Result, options, report, say
from bench.harness.visits import fill_visits

CODE = "bench"
ROUNDS, SECONDS = 15, 1.0
TARGET, LEAST_TARGET = 0.85, 0.5
ROWS_BEFORE = 200_000
_OLD_ROWS = """
INSERT INTO access_log (id, at, actor_kind, actor_id, actor_name, action, subject_type, subject_id, patient_ids)
SELECT gen_random_uuid(), now() - make_interval(secs => n), 'staff', actors[1 + n %% 20], 'Bác sĩ', 'patient.view',
       'patient', people[1 + n %% 1000], people[1 + n %% 1000 : 1 + n %% 1000 + n %% 12]
FROM generate_series(1, %s) n,
     (SELECT array_agg(id) AS actors FROM staff_users) staff, (SELECT array_agg(id) AS people FROM patients) patients
"""


def main() -> int:
    """Measure and report; return 1 where a target was missed."""
    arguments = options(__doc__ or "")
    with bench_platform() as platform:
        return report(measure(platform), as_json=arguments.json)


def measure(platform: BenchPlatform) -> Iterator[Result]:
    """Give each figure when it is there."""
    place = platform.create_hospital(CODE)
    say("Filling a hospital with 100,000 visits and 200,000 looks")
    with platform.cluster.connect(place.database) as connection:
        fill_visits(connection)
        connection.execute(_OLD_ROWS, (ROWS_BEFORE,))
        connection.execute("VACUUM ANALYZE access_log")
        patients: list[UUID] = [
            row[0] for row in connection.execute("SELECT id FROM patients ORDER BY code LIMIT 4000")
        ]
    with clients(platform.environment | {"POOL_SIZE": "4"}, CODE, patients) as crowd:
        yield cost_of(crowd, "write", "patients/s")
        yield cost_of(crowd, "read", "charts/s")
        yield cost_of(crowd, "least_read", "patients/s", LEAST_TARGET)


def cost_of(crowd: Clients, what: str, unit: str, target: float = TARGET) -> Result:
    """Return the round with the median ratio of both ways, which take turns."""
    say(f"{what.replace('_', ' ').capitalize()}: {ROUNDS} rounds with and without the logs")
    for logged in (True, False):
        crowd.throughput(what, SECONDS, logged=logged)  # warm caches and pools
    rounds = alternate(
        ROUNDS,
        lambda: crowd.throughput(what, SECONDS, logged=True),
        lambda: crowd.throughput(what, SECONDS, logged=False),
    )
    ordered = sorted(((first, second) for first, second in rounds), key=lambda pair: pair[0] / pair[1])
    return Result(f"{what}_16_clients", ordered[ROUNDS // 2][0], unit, ordered[ROUNDS // 2][1], target)


if __name__ == "__main__":
    sys.exit(main())
