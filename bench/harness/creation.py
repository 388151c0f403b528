"""Making a hospital beside copying the same template by hand: the whole saga, until the hospital serves."""

from __future__ import annotations

import secrets
import time

from psycopg import sql

from app.tenancy.template import template_name
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say

ROUNDS = 15
TARGET = 1.5


def measure_creation(platform: BenchPlatform) -> Result:
    """Return milliseconds for a hospital and for a bare copy, from the round with the median ratio."""
    say(f"Making hospitals, {ROUNDS} beside {ROUNDS} bare copies of the template")
    _ours(platform, 0), _bare(platform)  # the first of each warms caches that a running platform has
    rounds = []
    for number in range(1, ROUNDS + 1):
        pair = (_ours(platform, number), _bare(platform)) if number % 2 else (_bare(platform), _ours(platform, number))
        rounds.append(pair if number % 2 else pair[::-1])
    ordered = sorted(rounds, key=lambda pair: pair[0] / pair[1])
    ours, bare = ordered[len(ordered) // 2]
    say(f"Ratios from {ordered[0][0] / ordered[0][1]:.2f} to {ordered[-1][0] / ordered[-1][1]:.2f}")
    return Result("create", ours, "ms", bare, TARGET, at_most=True)


def _ours(platform: BenchPlatform, number: int) -> float:
    started = time.perf_counter()
    platform.create_hospital(f"made-{number}")
    return (time.perf_counter() - started) * 1000


def _bare(platform: BenchPlatform) -> float:
    with platform.app.app_context():
        template = template_name()
    name = f"vh_bare_{secrets.token_hex(4)}"
    copy = sql.SQL("CREATE DATABASE {} OWNER vien_owner TEMPLATE {} STRATEGY WAL_LOG").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    started = time.perf_counter()
    with platform.cluster.connect() as connection:
        connection.execute(copy)
        taken = (time.perf_counter() - started) * 1000
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    return taken
