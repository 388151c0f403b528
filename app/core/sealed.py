"""Which columns hold sealed values, and to what each value is tied: declared beside the code that seals them.

A sealed value is three columns, `<name>_ciphertext`, `<name>_nonce` and `<name>_key_id`. Whoever encrypts everything
anew under another key goes by this list, and a test holds it against every column of both histories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Context = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One sealed value per row of a table; `context` says of a row to what its value is tied."""

    table: sa.Table
    name: str
    context: Context

    @property
    def label(self) -> str:
        """Name it to people."""
        return f"{self.table.name}.{self.name}"

    @property
    def ciphertext(self) -> sa.Column[Any]:
        return self.table.c[f"{self.name}_ciphertext"]

    @property
    def nonce(self) -> sa.Column[Any]:
        return self.table.c[f"{self.name}_nonce"]

    @property
    def key_id(self) -> sa.Column[Any]:
        return self.table.c[f"{self.name}_key_id"]


_columns: dict[tuple[str | None, str], SealedColumn] = {}


def declare_sealed(model: Any, name: str, context: Context) -> None:
    """Say that a model keeps a sealed value under a name, and to what it is tied."""
    table: sa.Table = model.__table__
    column = SealedColumn(table, name, context)
    _columns[(_history(table), column.label)] = column


def list_sealed(history: str | None) -> list[SealedColumn]:
    """Return the sealed columns of a history: None for the central database, `hospital` for hospitals' own."""
    return [
        column for (whose, _), column in sorted(_columns.items(), key=lambda entry: entry[0][1]) if whose == history
    ]


def _history(table: sa.Table) -> str | None:
    key: str | None = table.metadata.info.get("bind_key")
    return key
