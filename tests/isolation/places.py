"""The places that hospitals share, each with how to read all that it holds and how to leave something there."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from psycopg import sql

from app.core.logging import get_logger
from app.core.queue import QUEUES, queue_named, redis_connection
from tests.support.platform import KEPT, Platform

Content = Iterator[tuple[str, bytes]]
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""


NEVER_WRITTEN = {"alembic_version", "database_clusters", "hospital_databases", "hospital_info", "hospitals"}


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that a word could be left: `read` yields (where, what), `plant` leaves a word there."""

    name: str
    read: Callable[[], Content]
    plant: Callable[[str], object]


def read_redis(app: Flask) -> Content:
    """Yield every key with every value of this application's Redis database, of whatever type."""
    with app.app_context():
        redis: Any = redis_connection()
        for key in redis.scan_iter("*"):
            yield "the name of a key", key
            for value in _values(redis, key):
                yield f"the value of {key.decode(errors='replace')}", value


def _values(redis: Any, key: bytes) -> Iterator[bytes]:
    kind = redis.type(key).decode()
    if kind == "string":
        yield redis.get(key) or b""
    elif kind == "list":
        yield from redis.lrange(key, 0, -1)
    elif kind == "set":
        yield from redis.smembers(key)
    elif kind == "zset":
        yield from redis.zrange(key, 0, -1)
    elif kind == "hash":
        for name, value in redis.hgetall(key).items():
            yield from (name, value)
    elif kind == "stream":
        for _, entry in redis.xrange(key):
            yield b" ".join([*entry, *entry.values()])
    elif kind != "none":  # a key may have ended since it was listed
        raise AssertionError(f"Redis holds a {kind} under {key!r}: say how it is read")


def read_jobs(app: Flask) -> Content:
    """Yield the arguments of every job that waits."""
    with app.app_context():
        for name in QUEUES:
            for job in queue_named(name).jobs:
                yield f"a job of the queue {name}", repr((job.args, job.kwargs, job.meta, job.description)).encode()


def read_database(platform: Platform, code: str | None = None) -> Content:
    """Yield every table of a hospital's database, or of the central one, as it would be copied out."""
    with platform.admin(code) as connection:
        tables = [row[0] for row in connection.execute(TABLES).fetchall()]
        for table in tables:
            statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(statement) as rows:
                yield table, b"".join(bytes(row) for row in rows)


@contextmanager
def presets_kept(platform: Platform) -> Iterator[None]:
    """Put the presets, which a reset of the platform leaves alone, back as they were before a day of changes."""
    databases = [("central", None), *(("hospital", code) for code in platform.databases)]
    kept = {place: _copy_out(platform, *place) for place in databases}
    try:
        yield
    finally:
        for (_, code), tables in kept.items():
            with platform.admin(code) as connection, connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")
                for table, rows in tables.items():
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                    into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                    with connection.cursor().copy(into) as copy:
                        copy.write(rows)


def _copy_out(platform: Platform, history: str, code: str | None) -> dict[str, bytes]:
    with platform.admin(code) as connection:
        there = {row[0] for row in connection.execute(TABLES).fetchall()} & KEPT[history]
        copied = {}
        for table in sorted(there - NEVER_WRITTEN):
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows:
                copied[table] = b"".join(bytes(row) for row in rows)
        return copied


def read_files(folder: Path) -> Content:
    """Yield the names of all files, and what stands in them."""
    for path in sorted(folder.rglob("*")):
        yield f"the name {path.relative_to(folder)}", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield f"the file {path.relative_to(folder)}", path.read_bytes()


def read_metrics(app: Flask) -> Content:
    """Yield what Prometheus would be told."""
    yield "/metrics", app.test_client().get("/metrics").data


@contextmanager
def listening() -> Iterator[io.StringIO]:
    """Collect every log line from INFO upwards, as production would write it."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_logger_name]
    handler.setFormatter(_formatter(shared))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    try:
        yield heard
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _formatter(shared: list[Any]) -> logging.Formatter:
    """Return the formatter of production's handler, made by production's own code."""
    from app.core import logging as production

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        production.configure_logging(logging.getLevelName(level), "json")
        return root.handlers[0].formatter or logging.Formatter()
    finally:
        root.handlers = handlers
        root.setLevel(level)


def shared_places(app: Flask, platform: Platform, log: io.StringIO) -> list[Place]:
    """Return every place that hospitals share, or that stands beside them."""

    def in_redis(word: str) -> None:
        with app.app_context():
            redis_connection().xadd("planted", {"word": word})

    def in_a_job(word: str) -> None:
        with app.app_context():
            queue_named("long").enqueue("app.jobs.worker.perform", word)

    def in_the_centre(word: str) -> None:
        with platform.admin() as connection:
            connection.execute("UPDATE hospitals SET status_reason = %s", (word,))

    def in_a_file_name(word: str) -> None:
        (platform.var / "files" / word).mkdir(parents=True)

    return [
        Place("Redis", lambda: read_redis(app), in_redis),
        Place("jobs", lambda: read_jobs(app), in_a_job),
        Place("central database", lambda: read_database(platform), in_the_centre),
        Place("file store", lambda: read_files(platform.var / "files"), in_a_file_name),
        Place("log", lambda: iter([("log", log.getvalue().encode())]), lambda word: get_logger("planted").info(word)),
    ]
