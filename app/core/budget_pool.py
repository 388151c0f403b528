"""A pool of connections to one database that keeps to the budget of its process.

What it hands out was alive a moment ago: whether the other side has hung up is seen on the socket, without asking.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import Any

import psycopg
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from app.core.budget import ConnectionBudget, Share, close_wholly

# Looking at a socket lets another thread run: what was in use so lately is taken to be alive.
SURELY_ALIVE_SECONDS = 0.25
GOODBYE_SECONDS = 2.0


class BudgetedPool(Pool):
    """Connections of one share of a budget."""

    def __init__(self, creator: Any, budget: ConnectionBudget, share: Share, **options: Any) -> None:
        super().__init__(creator, **options)
        self._budget = budget
        self._share = share
        self._disposed = False

    def checkedout(self) -> int:
        """Return how many connections are in use."""
        return self._share.in_use

    def checkedin(self) -> int:
        """Return how many connections are idle."""
        return len(self._share.idle)

    def status(self) -> str:
        """Describe the pool in a line."""
        return f"{self.checkedout()} in use, {self.checkedin()} idle, at most {self._share.at_most}"

    def dispose(self) -> None:
        """Close what is idle, and what is in use when it comes back."""
        self._disposed = True
        self._budget.close_idle(self._share)

    def recreate(self) -> BudgetedPool:
        """Return a pool like this one, over the same share."""
        return BudgetedPool(
            self._creator,
            self._budget,
            self._share,
            recycle=self._recycle,
            echo=self.echo,
            reset_on_return=self._reset_on_return,
            logging_name=self._orig_logging_name,
            dialect=self._dialect,
            _dispatch=self.dispatch,
        )

    def _do_get(self) -> ConnectionPoolEntry:
        grant = self._budget.take(self._share)
        if grant.record is not None:
            if monotonic() - grant.idle_since > SURELY_ALIVE_SECONDS and has_ended(grant.record.dbapi_connection):
                grant.record.close()  # it opens another in the same place
            return grant.record
        try:
            if grant.closing is not None:
                close_wholly(grant.closing)
            return self._create_connection()
        except BaseException:
            self._budget.abandon(self._share)
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._disposed:
            record.close()
        self._budget.put(self._share, record)


def has_ended(connection: Any) -> bool:
    """Tell whether the other side has hung up, or said something unasked: an idle server only does that at its end."""
    try:
        looking = select.poll()
        looking.register(connection.fileno(), select.POLLIN)
        return bool(looking.poll(0))
    except (OSError, psycopg.Error, AttributeError):
        return True
