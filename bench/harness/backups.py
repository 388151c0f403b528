"""Backing a hospital up and bringing it back, beside what `pg_dump -Fc` and `pg_restore` do by themselves.

Ours compresses with Zstandard, encrypts with AES-256-GCM, digests, and writes the manifest; theirs compresses with gzip
and writes a file. Megabytes are those of the plain dump, the same for both, a second.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.core.blobs import file_store
from app.core.crypto import Keyring
from app.core.ids import new_id
from app.core.objects.local import LocalStore
from app.core.postgres_programs import find_program
from app.tenancy.backups.archive import Draft, read_dump, write_backup
from app.tenancy.backups.manifest import Manifest
from app.tenancy.registry import Whereabouts
from app.tenancy.restores.filling import drop_database, fill, make_empty
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say
from bench.harness.visits import fill_visits

CODE, PLACE = "to-keep", "bench/ours"
ROUNDS = 5
BACKUP_TARGET, RESTORE_TARGET = 1.5, 0.9
KEYS = Keyring({"bench": b"b" * 32})
NOTES = """
CREATE TABLE bench_notes AS
SELECT gen_random_uuid() AS id, n AS number, now() - n * interval '7 minutes' AS written_at,
    (SELECT string_agg(md5(n::text || m::text) || ' bệnh nhân tỉnh, tiếp xúc tốt, tim đều, phổi không ran; ', '')
     FROM generate_series(1, 6) m) AS note
FROM generate_series(1, 550000) n
"""


@dataclass(frozen=True, slots=True)
class Laid:
    """A hospital that is filled, and a folder for what is made of it."""

    platform: BenchPlatform
    place: Whereabouts
    folder: Path


def measure_keeping(platform: BenchPlatform) -> Iterator[Result]:
    """Give the rows `backup` and `restore`."""
    say("Filling a hospital for backups")
    place = platform.create_hospital(CODE)
    with platform.cluster.connect(place.database) as connection:
        fill_visits(connection)
        connection.execute(NOTES)
        connection.execute("ALTER TABLE bench_notes OWNER TO vien_owner; ALTER TABLE bench_notes ADD PRIMARY KEY (id)")
        connection.execute("VACUUM ANALYZE")
    with tempfile.TemporaryDirectory(prefix="vien-bench-") as folder, platform.app.app_context():
        laid = Laid(platform, place, Path(folder))
        manifest = _ours(laid)
        megabytes = manifest.plain_bytes / 1e6
        say(f"A dump of {megabytes:.0f} MB plain, {manifest.size_bytes / 1e6:.0f} MB ours; {ROUNDS} rounds each")
        ours, theirs = _alternate(lambda: _ours(laid), lambda: _pg_dump(laid))
        yield Result("backup", megabytes / ours, "MB/s", megabytes / theirs, BACKUP_TARGET)
        ours, theirs = _alternate(lambda: _restore(laid, manifest), lambda: _pg_restore(laid))
        yield Result("restore", megabytes / ours, "MB/s", megabytes / theirs, RESTORE_TARGET)


def _alternate(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of both from the round with the median ratio, turn and turn about."""
    rounds = []
    for number in range(ROUNDS):
        pair = (_timed(first), _timed(second)) if number % 2 else (_timed(second), _timed(first))[::-1]
        rounds.append(pair)
    return sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _ours(laid: Laid) -> Manifest:
    return write_backup(
        Draft(new_id(), PLACE, "manual"),
        laid.platform.cluster,
        laid.place.database,
        store=LocalStore(laid.folder),
        keyring=KEYS,
        files=file_store(),
    )


def _pg_dump(laid: Laid) -> None:
    program, url = _program(laid, "pg_dump"), laid.platform.cluster.url_of(laid.place.database)
    address = url.render_as_string(hide_password=False)
    subprocess.run([program, "-Fc", "-f", laid.folder / "theirs.dump", address], check=True)


def _restore(laid: Laid, manifest: Manifest) -> None:
    make_empty(laid.platform.cluster, "bench_restored")
    store = LocalStore(laid.folder)
    dump = read_dump(store, KEYS, PLACE, manifest)
    fill(laid.platform.cluster, "bench_restored", _program(laid, "pg_restore"), dump, lambda _done: None)
    drop_database(laid.platform.cluster, "bench_restored")


def _pg_restore(laid: Laid) -> None:
    make_empty(laid.platform.cluster, "bench_restored")
    address = laid.platform.cluster.url_of("bench_restored").render_as_string(hide_password=False)
    command = [_program(laid, "pg_restore"), "--role=vien_owner", "-d", address, laid.folder / "theirs.dump"]
    subprocess.run(command, check=True)
    drop_database(laid.platform.cluster, "bench_restored")


def _program(laid: Laid, name: str) -> Path:
    with psycopg.connect(laid.platform.cluster.url_of("postgres").render_as_string(hide_password=False)) as connection:
        return find_program(name, connection.info.server_version // 10_000)
