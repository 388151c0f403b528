"""One unit of work per request, job or command: it commits in one place, or leaves nothing behind.

Whether a unit may write at all is said in `access_mode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.core.access_mode import writing
from app.core.db import db


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Commit at the end what happened inside; roll all of it back when an error leaves it."""
    try:
        yield db.session()
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


@contextmanager
def apart() -> Iterator[Session]:
    """Open a session of its own whose outcome does not depend on the surrounding unit.

    For what must be kept although the request fails, such as a counted failed sign-in.
    """
    with writing(), db.session.session_factory() as session, session.begin():
        yield session
