"""Counting the figures again: one view after the other, while everybody goes on reading those of before.

Each view is counted anew as a whole, so what that cost the last time says how soon it is worth doing again.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.queue import enqueue
from app.domain.audit.models import OutboxEvent
from app.domain.reports.models import VIEWS, ReportRefresh
from app.domain.reports.queries import find_freshness
from app.tenancy.binding import bound_hospital

SOONEST = timedelta(minutes=15)
LATEST = timedelta(days=1)
# A hospital's server spends at most a fiftieth of its time on counting.
REST = 50
MOST_MINUTES = 15


def refresh_view(view: str) -> None:
    """Count one view again, in the bound hospital's time zone; a transaction of its own keeps its locks short."""
    db.session.execute(
        sa.select(sa.func.set_config("statement_timeout", f"{MOST_MINUTES}min", True)),
        bind_arguments={"mapper": ReportRefresh},
    )
    db.session.execute(
        sa.select(sa.func.vien_refresh_report(view, bound_hospital().timezone)),
        bind_arguments={"mapper": ReportRefresh},
    )


def figures_are_old() -> bool:
    """Something has happened since the figures were counted, long enough ago for what counting costs."""
    freshness = find_freshness()
    if freshness is None or freshness.zone != bound_hospital().timezone:
        return True
    age = clock.now() - freshness.as_of
    if age < max(SOONEST, REST * freshness.took):
        return False
    newest = db.session.scalar(sa.select(OutboxEvent.created_at).order_by(OutboxEvent.sequence.desc()).limit(1))
    return age > LATEST or (newest is not None and newest > freshness.as_of)


def view_names() -> list[str]:
    """Return the names of all views, in the order in which they are counted."""
    return [view.name for view in VIEWS]


def ask_for_figures() -> None:
    """Have a worker count the figures soon; whoever asks before it has begun asks for the same counting."""
    code = bound_hospital().code
    after_commit(lambda: enqueue("refresh_reports", hospital=code))
