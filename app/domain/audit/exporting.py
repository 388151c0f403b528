"""Writing a log out for others: streamed from the database, so that a million rows take no more memory than a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from app.core.actor import Actor
from app.domain.audit.operations import record_change
from app.domain.audit.searching import Wanted, find_conditions, select_rows
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital, tenancy

FETCH = 1_000


def export_log(actor: Actor, wanted: Wanted, form: str) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Write down who exports which part of a log; return the columns, and the rows as they come.

    The rows are read on a connection of their own, after the request's unit of work has ended.
    """
    conditions = find_conditions(wanted)
    query = select_rows(wanted, conditions if conditions is not None else [sa.false()])
    asked = {
        "log": wanted.which.value,
        "form": form,
        "since": wanted.since.isoformat(),
        "until": wanted.until.isoformat(),
        "by": [
            name for name in ("person", "patient", "action", "request_id", "address", "basis") if getattr(wanted, name)
        ],
    }
    hospital = bound_hospital()
    record_change(actor, "audit.export", subject_type="log", subject_id=hospital.id, changes=asked)
    record_security_event(actor, "export.audit", subject_type="log", details={"log": wanted.which.value, "form": form})
    engine = tenancy().engines.get(hospital)
    return [str(column.key) for column in query.selected_columns], _stream(engine, query)


def _stream(engine: sa.Engine, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=FETCH).execute(query):
            yield {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, dict) or value is None:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
