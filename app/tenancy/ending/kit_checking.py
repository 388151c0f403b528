"""Reading an exit kit through: is every part there, as long and as it was, and as many rows as the manifest says?"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from app.tenancy.ending import signing
from app.tenancy.ending.errors import KitDamaged, NoKit
from app.tenancy.ending.kits import CHECKSUMS, MANIFEST

PIECE = 1024 * 1024
LONGEST_CELL = 1 << 30
Note = Callable[[int, int, str], None]


class _Opened(Protocol):
    def names(self) -> set[str]: ...
    def open(self, name: str) -> IO[bytes]: ...


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def names(self) -> set[str]:
        return set(self._archive.namelist())

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> set[str]:
        return {path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file()}

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


def check_kit(path: Path, note: Note = lambda _d, _t, _n: None) -> dict[str, Any]:
    """Return the manifest of a kit that is whole; raises NoKit, or KitDamaged naming everything that is wrong."""
    with _opened(path) as kit:
        try:
            with kit.open(MANIFEST) as file:
                outer = json.loads(file.read())
            manifest, signature = outer["manifest"], outer["signature"]
            entries: dict[str, dict[str, Any]] = manifest["entries"]
        except (KeyError, ValueError, TypeError, FileNotFoundError) as error:
            raise KitDamaged([f"{MANIFEST} cannot be read"]) from error
        faults = [] if signing.is_genuine(manifest, signature) else [f"{MANIFEST} was not signed by this platform"]
        expected = {*entries, MANIFEST, CHECKSUMS}
        faults += [f"{name} is missing" for name in sorted(expected - kit.names())]
        faults += [f"{name} does not belong there" for name in sorted(kit.names() - expected)]
        for number, name in enumerate(sorted(set(entries) & kit.names()), start=1):
            note(number, len(entries), name)
            faults += _check_entry(kit, name, entries[name], manifest["rows"])
    if faults:
        raise KitDamaged(faults)
    found: dict[str, Any] = manifest
    return found


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield _Zip(archive)
    except FileNotFoundError as error:
        raise NoKit from error
    except zipfile.BadZipFile as error:
        raise KitDamaged([f"{path.name}: {error}"]) from error


def _check_entry(kit: _Opened, name: str, facts: dict[str, Any], rows: dict[str, int]) -> list[str]:
    digest, size = hashlib.sha256(), 0
    try:
        with kit.open(name) as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                size += len(piece)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return [f"{name}: {error}"]
    if (size, digest.hexdigest()) != (facts["size"], facts["sha256"]):
        return [f"{name} was altered"]
    folder, _, file_name = name.partition("/")
    table = file_name.rpartition(".")[0]
    if folder in ("csv", "jsonl") and rows.get(table) != (found := _count(kit, name)):
        return [f"{name} has {found} rows, not {rows.get(table)}"]
    return []


def _count(kit: _Opened, name: str) -> int:
    with kit.open(name) as file:
        if name.endswith(".jsonl"):
            return sum(1 for line in file if json.loads(line) is not None)
        csv.field_size_limit(LONGEST_CELL)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        return sum(1 for _row in csv.reader(text)) - 1
