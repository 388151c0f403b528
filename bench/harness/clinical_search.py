"""How long the search page takes in a hospital with a million patients, by whatever people type to find one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import psycopg

from bench.harness.bare_environment import bare_environment
from bench.harness.clinical_fill import MILLION, fill_patients
from bench.harness.load import Target, fetch, serving
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say
from bench.harness.signing_in import sign_in_as

CODE = "million"
EACH = 40
LIMIT_MS = 50.0
SAMPLE = "SELECT code, full_name, cccd, bhyt, phone FROM patients WHERE cccd IS NOT NULL AND bhyt IS NOT NULL LIMIT %s"


def measure_search(platform: BenchPlatform) -> Result:
    """Return the 95th percentile in milliseconds over all kinds of searches, one reader at a time."""
    place = platform.create_hospital(CODE)
    say(f"Registering {MILLION:,} patients")
    with platform.cluster.connect(place.database) as connection:
        fill_patients(connection, MILLION)
        kinds = dict(_queries(connection))
    browser = sign_in_as(platform, CODE, "receptionist", "tiep.don")
    browser.open(f"/h/{CODE}/hospital/search?q=lan")
    environment = platform.environment | bare_environment(place, CODE, {"hospital.": browser.token})
    every: list[float] = []
    with serving("wsgi:app", environment) as port:
        for _ in range(3):
            fetch(Target(port, f"/h/{CODE}/hospital/search?q=minh", browser.cookies))
        for kind, texts in kinds.items():
            taken = [_seconds(port, text, browser.cookies) for text in texts]
            say(f"{kind:<28} p50 {1000 * _at(taken, 0.5):5.1f} ms, p95 {1000 * _at(taken, 0.95):5.1f} ms")
            every += taken
    p95 = 1000 * _at(every, 0.95)
    say(
        f"{len(every)} searches: p50 {1000 * _at(every, 0.5):.1f} ms, p95 {p95:.1f} ms, longest {1000 * max(every):.1f}"
    )
    return Result("search_1m_p95_ms", p95, "ms", LIMIT_MS, 1.0, at_most=True)


def _seconds(port: int, text: str, cookies: str) -> float:
    began = time.perf_counter()
    fetch(Target(port, f"/h/{CODE}/hospital/search?q={quote_plus(text)}", cookies), statuses=(b"200", b"303"))
    return time.perf_counter() - began


def _at(taken: list[float], share: float) -> float:
    return sorted(taken)[min(int(share * len(taken)), len(taken) - 1)]


def _queries(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield what people type: whole and half names with and without diacritics, and numbers, whole and in part."""
    random.seed(6)
    sample = connection.execute(SAMPLE, (20_000,)).fetchall()
    people = random.sample(sample, EACH)
    from app.core.formats.names import search_key

    yield "whole name", [name for _, name, *_ in people]
    yield "whole name, no diacritics", [search_key(name) for _, name, *_ in people]
    yield "given name", [name.split()[-1] for _, name, *_ in people]
    yield "family and given name", [f"{name.split()[0]} {name.split()[-1]}" for _, name, *_ in people]
    yield "beginning of a name", [search_key(name)[: 3 + n % 8] for n, (_, name, *_) in enumerate(people)]
    yield "name nobody has", [f"{search_key(name).split()[-1]}x qu{n}" for n, (_, name, *_) in enumerate(people)]
    yield "patient code", [code for code, *_ in people]
    yield "CCCD", [cccd for _, _, cccd, *_ in people]
    yield "last digits of CCCD", [cccd[-6:] for _, _, cccd, *_ in people]
    yield "BHYT", [bhyt for *_, bhyt, _ in people]
    yield "part of BHYT", [bhyt[5:12] for *_, bhyt, _ in people]
    yield "phone", ["0" + phone[3:] for *_, phone in people]
    yield "last digits of phone", [phone[-5:] for *_, phone in people]
