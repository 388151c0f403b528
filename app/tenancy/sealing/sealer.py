"""Having the database seal what is final; the rules stand in its functions `vien_seal_log` and `vien_continue_logs`."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.tenancy.cluster import Cluster
from app.tenancy.sealing.canonical import SealedLog

BATCH = 5_000
MOST_BATCHES = 400


def seal(engine: sa.Engine, logs: Sequence[SealedLog], *, batch: int = BATCH) -> int:
    """Seal what is final in these logs, a transaction for each batch; return how many rows.

    Two at once do no harm: the second finds nothing to do. What is not done within one call is done by the next.
    """
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.vien_continue_logs()))
    sealed = 0
    for log in logs:
        for _ in range(MOST_BATCHES):
            with engine.begin() as connection:
                rows = connection.scalar(sa.select(sa.func.vien_seal_log(log.name, batch))) or 0
            sealed += rows
            if rows < batch:
                break
    return sealed


def continue_logs(cluster: Cluster, database: str) -> None:
    """Have the numbers of transactions go on where they were, in a database that has come from another server.

    It is done before anybody writes there: what is written with a smaller number could never be sealed.
    """
    with cluster.connect(database) as connection:
        known = connection.execute("SELECT to_regprocedure('vien_continue_logs()') IS NOT NULL").fetchone()
        if known and known[0]:  # a schema of an earlier release has no seals yet
            connection.execute("SELECT vien_continue_logs()")
