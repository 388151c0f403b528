"""Making exit kits: into the store, encrypted and for some days, or into a folder or zip of this machine.

A kit's place in the store says whose it is and when it ends, so that nothing else need know of it. It is encrypted
under the platform's keys, which web processes have, because it is handed out there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import current_app

from app.core import clock
from app.core.actor import Actor
from app.core.blobs import file_store
from app.core.crypto import Keyring
from app.core.db import db
from app.core.envelope import DecryptingReader, EncryptingWriter
from app.core.errors import Conflict
from app.core.i18n import _l
from app.core.objects.interface import NoObject, ObjectStore
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.backups.storage import backup_store
from app.tenancy.ending.errors import NoKit
from app.tenancy.ending.kits import write_kit
from app.tenancy.ending.targets import FolderTarget, ZipTarget
from app.tenancy.errors import HospitalNotReady
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, HospitalStatus, Operation
from app.tenancy.operations import lock_hospital, record_hospital_change
from app.tenancy.pausing import find_home

EXIT_KIT = "hospital.exit_kit"
AREA = "exit-kits"
WITH_DATA = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)
NAME = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{16}\.zip")
STAMP = "%Y%m%dT%H%M%SZ"


class PlaceTaken(Conflict):
    title = _l("There is something already")
    default_message = _l("There is a file or folder at this path already; nothing was written.")
    remedy = _l("Name a path that does not exist yet.")


@dataclass(frozen=True, slots=True)
class StoredKit:
    """A kit in the store; its size is that of the encrypted stream."""

    hospital_id: UUID
    name: str
    size_bytes: int
    made_at: datetime
    ends_at: datetime


def request_exit_kit(actor: Actor, code: str, *, wake: bool = True) -> Operation:
    """Ask for an exit kit in the store; raises UnknownHospital or NotInThisState."""
    hospital = lock_hospital(code, *WITH_DATA)
    return request_operation(actor, EXIT_KIT, hospital=hospital, wake=wake)


@operation(
    EXIT_KIT,
    title=_l("Make an exit kit"),
    takes_hospital=True,
    steps={"name": _l("Choose its place in the store"), "write": _l("Write everything that is the hospital's")},
)
def make_exit_kit(work: Work) -> dict[str, Any]:
    """Write a kit into the store. One that stops half-way is not seen, and is written again."""
    name = work.step("name", lambda: {"name": _new_name()})["name"]
    written = work.step("write", lambda: _write_into_store(work, name))
    return {"name": name, **written}


def write_here(actor: Actor, code: str, path: Path, note: Any) -> dict[str, Any]:
    """Write a kit to a new folder, or to a new file that ends in .zip; raises PlaceTaken, HospitalBusy.

    An error leaves nothing at a file's path, and an unfinished folder without a manifest.
    """
    if path.exists():
        raise PlaceTaken
    with unit_of_work():
        hospital = lock_hospital(code, *WITH_DATA)
        hospital_id = hospital.id
        record_hospital_change(actor, "exit_kit.write", hospital, {"where": [None, str(path)]}, risk="high")
    with holding_hospital(hospital_id, EXIT_KIT), _local_target(path) as target:
        cluster, database = _home(hospital_id)
        return write_kit(target, cluster, database, file_store(), note)


def list_kits(hospital_id: UUID) -> list[StoredKit]:
    """Return the kits of a hospital that can still be taken, newest first."""
    return sorted(
        (kit for kit in _stored(f"{AREA}/{hospital_id}/") if kit.ends_at > clock.now()),
        key=lambda kit: kit.made_at,
        reverse=True,
    )


def record_download(actor: Actor, hospital: Hospital, name: str) -> None:
    """Write down who takes a kit, before the first byte."""
    record_hospital_change(actor, "exit_kit.download", hospital, {"name": [None, name]}, risk="high")
    db.session.flush()


def open_kit(hospital_id: UUID, name: str) -> Iterator[bytes]:
    """Return a kit piece by piece, decrypted; raises NoKit before the first piece where it is not there any more."""
    key = _key(hospital_id, name)
    ends_at = _end_of(name)
    if ends_at is None or ends_at <= clock.now() or backup_store().size(key) is None:
        raise NoKit
    return _pieces(backup_store(), platform_keyring(), key)


def drop_ended_kits() -> int:
    """Remove the kits whose time is over; return how many."""
    ended = [kit for kit in _stored(f"{AREA}/") if kit.ends_at <= clock.now()]
    for kit in ended:
        backup_store().delete(_key(kit.hospital_id, kit.name))
    return len(ended)


def _write_into_store(work: Work, name: str) -> dict[str, Any]:
    cluster, database = _home(work.hospital)
    key = _key(work.hospital, name)
    with backup_store().writing(key) as sink:
        encrypting = EncryptingWriter(sink, platform_keyring(), _context(key))
        with ZipTarget(encrypting) as target:
            manifest = write_kit(target, cluster, database, file_store(), work.progress)
        encrypting.close()
    ends_at = _end_of(name)
    return {
        "tables": len(manifest["rows"]),
        "rows": sum(manifest["rows"].values()),
        "files": len(manifest["files"]),
        "missing_files": len(manifest["missing_files"]),
        "until": ends_at.isoformat(timespec="seconds") if ends_at else None,
    }


@contextmanager
def _local_target(path: Path) -> Iterator[Any]:
    if path.suffix != ".zip":
        yield FolderTarget(path)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            with ZipTarget(file) as target:
                yield target
        part.rename(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _home(hospital_id: UUID) -> tuple[Any, str]:
    home = find_home(hospital_id)
    if home is None:
        raise HospitalNotReady
    return home.cluster, home.database


def _new_name() -> str:
    days = current_app.extensions["settings"].exit_kit_days
    return f"{clock.now() + timedelta(days=days):{STAMP}}-{secrets.token_hex(8)}.zip"


def _end_of(name: str) -> datetime | None:
    found = NAME.fullmatch(name)
    return datetime.strptime(found.group(1), STAMP).replace(tzinfo=UTC) if found else None


def _key(hospital_id: UUID, name: str) -> str:
    return f"{AREA}/{hospital_id}/{name}"


def _context(key: str) -> str:
    return f"exit-kit:{key}"


def _stored(prefix: str) -> Iterator[StoredKit]:
    for entry in backup_store().list(prefix):
        _area, _, rest = entry.key.partition("/")
        hospital, _, name = rest.partition("/")
        ends_at = _end_of(name)
        if ends_at is not None:
            yield StoredKit(UUID(hospital), name, entry.size, entry.changed_at, ends_at)


def _pieces(store: ObjectStore, keyring: Keyring, key: str) -> Iterator[bytes]:
    """Read without an application around: it is handed out after the view has ended."""
    try:
        with store.reading(key) as source:
            yield from DecryptingReader(source, keyring, _context(key))
    except NoObject as error:
        raise NoKit from error
