"""How the store of backups does; whoever keeps one says how it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app.core import clock
from app.core.logging import get_logger
from app.tenancy.health.reading import DISK_FULL, STORE, HealthReading, ms_since, without_secrets
from app.tenancy.models import HealthStatus

log = get_logger(__name__)

Ask = Callable[[], dict[str, Any]]
_stores: dict[str, Ask] = {}


def watches_store(ask: Ask) -> Ask:
    """Register how the store is asked: it returns `free_bytes` and `total_bytes` where they are known, or raises."""
    _stores[STORE] = ask
    return ask


def check_stores() -> list[HealthReading]:
    """Ask the store, where one is registered; never raises."""
    return [_check(service, ask) for service, ask in _stores.items()]


def _check(service: str, ask: Ask) -> HealthReading:
    started = time.perf_counter()
    try:
        facts = dict(ask())
    except Exception as error:  # whatever a store answers with, the round goes on
        log.error("backup store away", error=type(error).__name__)
        details = {"reason": "unreachable"}
        said = without_secrets(error)
        return HealthReading(None, service, HealthStatus.DOWN, clock.now(), None, details, said, service=service)
    free, total = facts.get("free_bytes"), facts.get("total_bytes")
    full = free is not None and total is not None and free <= total * (1 - DISK_FULL)
    if full:
        facts |= {"reason": "disk_full", "reasons": ["disk_full"]}
    status = HealthStatus.DEGRADED if full else HealthStatus.UP
    return HealthReading(None, service, status, clock.now(), ms_since(started), facts, service=service)
