"""Where an exit kit is written to, piece by piece and never whole in memory: a zip stream, or a folder."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, cast

from app.core.envelope import Writes


@dataclass(slots=True)
class Entry:
    """One file of a kit, digested and counted while it is written."""

    name: str
    _sink: Writes
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes, /) -> int:
        """Take bytes."""
        self._sink.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return str(self._digest.hexdigest())


class Target(Protocol):
    """A kit while it is written; `entries` are those that are complete."""

    entries: list[Entry]

    def entry(self, name: str) -> Any:
        """Open one file for writing, in a `with` block."""


class ZipTarget:
    """A zip into a sink that cannot go back, such as an encrypted stream."""

    def __init__(self, sink: Writes) -> None:
        self.entries: list[Entry] = []
        self._zip = zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED, compresslevel=3)

    @contextmanager
    def entry(self, name: str) -> Iterator[Entry]:
        """Write one member; its length need not be known."""
        with self._zip.open(name, "w", force_zip64=True) as member:
            entry = Entry(name, member)
            yield entry
        self.entries.append(entry)

    def __enter__(self) -> ZipTarget:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Write the list of members, without which it is no zip; after an error it is to be none."""
        if error is None:
            self._zip.close()
        else:
            self._zip.fp = None  # its own last act would write into a sink that is gone


class FolderTarget:
    """Files below a new folder, readable by the account of the process only."""

    def __init__(self, root: Path) -> None:
        self.entries: list[Entry] = []
        self._root = root
        root.mkdir(mode=0o700, parents=True)

    @contextmanager
    def entry(self, name: str) -> Iterator[Entry]:
        """Write one file; names come from us, never from people."""
        place = self._root / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            entry = Entry(name, file)
            yield entry
        self.entries.append(entry)
