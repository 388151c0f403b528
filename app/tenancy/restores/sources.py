"""Where restored data comes from: a backup in the store (`backups.source`), or a dump that somebody made by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from app.tenancy.restores.errors import NotADump

CHUNK = 1 << 20
MAGIC = b"PGDMP"


class Source(Protocol):
    """A dump with what is known of it beforehand; None where only the data itself can tell."""

    @property
    def taken_at(self) -> datetime: ...
    @property
    def hospital_id(self) -> UUID | None: ...
    @property
    def revision(self) -> str | None: ...
    @property
    def rows(self) -> Mapping[str, int] | None: ...
    @property
    def plain_bytes(self) -> int | None: ...
    def check(self) -> None: ...
    def read(self) -> Iterator[bytes]: ...
    def bring_files(self, hospital_id: UUID) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A file in pg_dump's custom format on this machine, such as point-in-time recovery or an exit kit leaves."""

    path: Path
    hospital_id: UUID | None = None
    revision: str | None = None
    rows: Mapping[str, int] | None = None

    @property
    def taken_at(self) -> datetime:
        return datetime.fromtimestamp(self._facts().st_mtime, UTC)

    @property
    def plain_bytes(self) -> int | None:
        return self._facts().st_size

    def check(self) -> None:
        """Look whether it can be one at all; raises NotADump."""
        next(self.read())

    def read(self) -> Iterator[bytes]:
        """Return the dump piece by piece; raises NotADump."""
        try:
            with self.path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise NotADump
                file.seek(0)
                while piece := file.read(CHUNK):
                    yield piece
        except OSError as error:
            raise NotADump from error

    def _facts(self) -> os.stat_result:
        try:
            return self.path.stat()
        except OSError as error:
            raise NotADump from error

    def bring_files(self, hospital_id: UUID) -> dict[str, int]:
        """A dump by hand has no files with it."""
        return {}
