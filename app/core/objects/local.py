"""Objects in a folder of this machine, or of one that is mounted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from app.core.objects.interface import NoObject, Sink, StoredObject, check_key, failed

PART = ".part-"


class LocalStore:
    """Files below one folder; readable by the account of the process only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self, key: str) -> Iterator[Sink]:
        """Write beside the place and move there, once the disk has it."""
        place = self.root / check_key(key)
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(prefix=PART, dir=place.parent)
            part = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(place)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _keep_entry(place.parent)
        except OSError as error:
            raise failed(error) from error

    @contextmanager
    def reading(self, key: str) -> Iterator[BinaryIO]:
        """Open the file."""
        try:
            file = (self.root / check_key(key)).open("rb")
        except FileNotFoundError:
            raise NoObject from None
        except OSError as error:
            raise failed(error) from error
        with file:
            yield file

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Walk the folder, parts that somebody is writing left out."""
        folder = (self.root / prefix) if prefix.endswith("/") or not prefix else (self.root / prefix).parent
        found = [
            (path.relative_to(self.root).as_posix(), path)
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(PART)
        ]
        for key, path in sorted(found):
            if key.startswith(prefix):
                facts = path.stat()
                yield StoredObject(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def size(self, key: str) -> int | None:
        """Ask the file system."""
        try:
            return (self.root / check_key(key)).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failed(error) from error

    def delete(self, key: str) -> None:
        """Remove the file, and folders that are empty then."""
        place = self.root / check_key(key)
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise failed(error) from error
        for folder in place.parents:
            if folder == self.root or not folder.is_relative_to(self.root):
                break
            with suppress(OSError):
                folder.rmdir()

    def room(self) -> dict[str, int]:
        """Ask the file system below the folder."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        usage = shutil.disk_usage(self.root)
        return {"free_bytes": usage.free, "total_bytes": usage.total}


def _keep_entry(folder: Path) -> None:
    """Make the new name in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
