"""The database's own clock, for deadlines that several processes judge: theirs may be apart, it has one.

Tests that hold the clock hold this one, too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db

_AWARE = sa.DateTime(timezone=True)


def moment() -> sa.ColumnElement[datetime]:
    """Return when the statement that it stands in began."""
    fixed = clock.fixed()
    return sa.func.statement_timestamp(type_=_AWARE) if fixed is None else sa.literal(fixed, _AWARE)


def read_now(model: type[Any]) -> datetime:
    """Return the present moment of the database that holds a model's rows."""
    return clock.fixed() or db.session.scalars(sa.select(moment()), bind_arguments={"mapper": model}).one()
