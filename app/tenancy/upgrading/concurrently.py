"""What a migration does outside its transaction, safe to begin again: indexes that are built beside people's work.

A revision that uses this does nothing else: what stands before it in the revision would be committed with it. A build
that was cut off leaves an index that is not valid and only costs; the next try drops it and begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

VALID = sa.text(
    "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relname = :name AND c.relnamespace = 'public'::regnamespace"
)


def create_index_concurrently(op: Any, name: str, table: str, columns: Sequence[Any], **facts: Any) -> None:
    """Build an index while people read and write; `op` is the migration's, `facts` are those of `op.create_index`.

    It waits for transactions that are older than itself, for as long as a statement may take, and blocks nobody.
    """
    operations: Operations = op
    if operations.get_context().as_sql:
        operations.create_index(name, table, columns, postgresql_concurrently=True, **facts)
        return
    with operations.get_context().autocommit_block():
        connection = operations.get_bind()
        valid = connection.scalar(VALID, {"name": name})
        if valid:
            return
        connection.execute(sa.text("SET lock_timeout = 0"))
        try:
            if valid is False:
                operations.drop_index(name, table_name=table, postgresql_concurrently=True)
            operations.create_index(name, table, columns, postgresql_concurrently=True, **facts)
        finally:
            connection.execute(sa.text("RESET lock_timeout"))
