"""How soon the centre knows: fifty hospitals write, one relay carries, the index tells when a patient is in it.

Each hospital registers a patient about every second, through the domain's own operation. The time is taken from after
the commit to when the central database has committed the entry: a trigger of the benchmark notifies a listener.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import quantiles

import sqlalchemy as sa

from app import create_app
from app.cli.prepare import settings_of
from app.core.queue import redis_connection
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import AllergyState, Sex
from app.domain.patients.operations import register_patient
from app.domain.patients.rules import PatientDetails
from app.tenancy.binding import bind_hospital
from app.tenancy.models import PatientIndexEntry
from bench.harness.platform import ACTOR, BenchPlatform
from bench.harness.results import Result, say

ROOT = Path(__file__).resolve().parents[2]
HOSPITALS, SECONDS, WARM_SECONDS, EVERY = 50, 30.0, 5.0, 1.0
WRITERS = 5
WAITS = 30.0
# As many connections as hospitals write at once: the relay's own figure, see docs/operations/sync.md.
ROOM = {"CONNECTION_BUDGET": "70", "ENGINE_CACHE_SIZE": "70", "POOL_SIZE": "1"}
TELLS = """
CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('bench_indexed', NEW.patient_id::text); RETURN NULL; END $$;
CREATE TRIGGER bench_tell AFTER INSERT ON patient_index FOR EACH ROW EXECUTE FUNCTION bench_tell();
"""


@dataclass(slots=True)
class Times:
    """When each patient was committed in the hospital, and when the index had them."""

    committed: dict[str, float] = field(default_factory=dict)
    indexed: dict[str, float] = field(default_factory=dict)

    def seconds(self, since: float) -> list[float]:
        """Return the delays of what was committed since a moment."""
        return [self.indexed[one] - at for one, at in self.committed.items() if at >= since and one in self.indexed]


def measure(platform: BenchPlatform) -> Iterable[Result]:
    """Give the 95th percentile in seconds, of at most one."""
    codes = [f"sync-{number}" for number in range(HOSPITALS)]
    say(f"Making {HOSPITALS} hospitals")
    for code in codes:
        platform.create_hospital(code)
    times, stop = Times(), threading.Event()
    listening = threading.Thread(target=_listen, args=(platform, times, stop), daemon=True)
    listening.start()
    with _relay(platform):
        say(f"Writing for {SECONDS:.0f} seconds in {HOSPITALS} hospitals")
        since = _write(platform, codes, times)
        limit = time.monotonic() + WAITS
        while len(times.indexed) < len(times.committed) and time.monotonic() < limit:
            time.sleep(0.1)
    stop.set()
    listening.join()
    lost = set(times.committed) - set(times.indexed)
    if lost:
        raise SystemExit(f"{len(lost)} of {len(times.committed)} patients never reached the index")
    delays = times.seconds(since)
    cuts = quantiles(delays, n=100)
    say(f"{len(delays):,} changes: p50 {cuts[49]:.3f} s, p95 {cuts[94]:.3f} s, longest {max(delays):.3f} s; none lost")
    yield Result("sync_p95_seconds", cuts[94], "s", 1.0, 1.0, at_most=True)


@contextmanager
def _relay(platform: BenchPlatform) -> Iterator[None]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "relay"]
    process = subprocess.Popen(command, env=os.environ | platform.environment | ROOM, cwd=ROOT)
    try:
        with platform.app.app_context():
            while not redis_connection().exists("platform:relay:listening"):
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _write(platform: BenchPlatform, codes: list[str], times: Times) -> float:
    """Write in all hospitals for a while; return from when on the figures count."""
    app = create_app(settings_of(platform.environment | ROOM, environment="test"))
    began = time.monotonic()
    end = began + WARM_SECONDS + SECONDS

    def write(mine: list[str], number: int) -> None:
        chance, turn = random.Random(number), 0
        while time.monotonic() < end:
            round_began = time.monotonic()
            for code in mine:
                turn += 1
                with app.app_context(), bind_hospital(code):
                    with unit_of_work():
                        patient_id = str(register_patient(ACTOR, _somebody(number, turn)).id)
                    times.committed[patient_id] = time.monotonic()
                time.sleep(chance.uniform(0, 2) * EVERY / len(mine) / 2)
            time.sleep(max(0.0, EVERY - (time.monotonic() - round_began)))

    threads = [threading.Thread(target=write, args=(codes[n::WRITERS], n)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return began + WARM_SECONDS


def _somebody(writer: int, turn: int) -> PatientDetails:
    return PatientDetails(
        full_name="Người Bệnh Đo Tốc Độ",
        born_on=date(1980, 5, 17),
        sex=Sex.FEMALE,
        cccd=f"0011800{writer}{turn:04d}",
        phone=f"09{writer}{turn:07d}",
        allergy_state=AllergyState.NONE_KNOWN,
    )


def _listen(platform: BenchPlatform, times: Times, stop: threading.Event) -> None:
    with platform.app.app_context(), unit_of_work() as session:
        name = session.scalar(sa.select(sa.func.current_database()), bind_arguments={"mapper": PatientIndexEntry})
    with platform.cluster.connect(name) as connection:
        connection.execute(TELLS)
        connection.execute("LISTEN bench_indexed")
        while not stop.is_set():
            for told in connection.notifies(timeout=0.2):
                times.indexed[told.payload] = time.monotonic()
