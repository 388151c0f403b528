"""Writing a backup into the store and reading it back: compressed with Zstandard, encrypted in chunks, never plain.

A backup is a prefix in the store: `<hospital id>/<time>-<id>/` with `archive` and, at last, `manifest.json`. The files
of a hospital are beside its backups, each once, under the digest of their content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast
from uuid import UUID

import zstandard

from app.core import clock
from app.core.blobs import FileStore
from app.core.crypto import CannotDecrypt, Keyring
from app.core.envelope import DecryptingReader, EncryptingWriter, Writes
from app.core.logging import get_logger
from app.core.objects import ObjectStore
from app.core.objects.interface import NoObject
from app.tenancy.backups.dumping import PIECE, dump, snapshot_of
from app.tenancy.backups.errors import BackupDamaged, NotABackup, WrongBackupKey
from app.tenancy.backups.manifest import Manifest, sign, verify
from app.tenancy.cluster import Cluster

log = get_logger(__name__)

LEVEL = 3
THREADS = 2
ARCHIVE, MANIFEST = "archive", "manifest.json"

Note = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a backup before it is made."""

    backup_id: UUID
    location: str
    reason: str


class _Counting:
    """A sink that counts and digests what goes into it."""

    def __init__(self, sink: Writes) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()


def write_backup(
    draft: Draft,
    cluster: Cluster,
    database: str,
    *,
    store: ObjectStore,
    keyring: Keyring,
    files: FileStore,
    note: Note = lambda _done, _total: None,
) -> Manifest:
    """Back one database up; `note` hears bytes done and about how many there are, and may raise to stop it.

    Raises NoProgram, DumpFailed, StoreFailed. Nothing of it counts before the manifest is written.
    """
    started_at = clock.now()
    with snapshot_of(cluster, database) as snapshot:
        total = snapshot.size()
        hospital_id, code, name, revision = snapshot.facts()
        with store.writing(f"{draft.location}/{ARCHIVE}") as sink:
            counting = _Counting(sink)
            encrypting = EncryptingWriter(counting, keyring, _context(draft.location))
            compressing = _compressing(encrypting)
            plain_bytes, program = dump(cluster, database, snapshot, compressing, lambda done: note(done, total))
            compressing.close()
            encrypting.close()
        rows, wanted = snapshot.count_rows(), snapshot.files()
        server_version = snapshot.server_version
    present = _copy_files(hospital_id, wanted, files, store, keyring)
    manifest = Manifest(
        backup_id=draft.backup_id,
        hospital_id=hospital_id,
        code=code,
        name=name,
        reason=draft.reason,
        revision=revision,
        server_version=server_version,
        tools={"pg_dump": program, "zstandard": zstandard.__version__},
        started_at=started_at,
        finished_at=clock.now(),
        rows=rows,
        plain_bytes=plain_bytes,
        size_bytes=counting.size,
        checksum=counting.checksum,
        key_id=encrypting.key_id,
        files=present,
    )
    with store.writing(f"{draft.location}/{MANIFEST}") as sink:
        sink.write(sign(manifest, keyring))
    return manifest


def read_manifest(store: ObjectStore, keyring: Keyring, location: str) -> Manifest:
    """Return a backup's manifest; raises NotABackup, WrongBackupKey, BackupDamaged or StoreFailed."""
    try:
        with store.reading(f"{location}/{MANIFEST}") as source:
            return verify(source.read(), keyring)
    except (NoObject, ValueError):
        raise NotABackup from None


def read_dump(store: ObjectStore, keyring: Keyring, location: str, manifest: Manifest) -> Iterator[bytes]:
    """Return the dump piece by piece, each authenticated; its end says that it was whole.

    Raises WrongBackupKey, BackupDamaged or StoreFailed, perhaps after pieces that were right.
    """
    done = 0
    with _explained(manifest.key_id), store.reading(f"{location}/{ARCHIVE}") as source:
        decrypting = DecryptingReader(source, keyring, _context(location))
        reader = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], decrypting), read_size=PIECE, closefd=False)
        while piece := reader.read(PIECE):
            done += len(piece)
            yield piece
        if decrypting.read(1) or done != manifest.plain_bytes:
            raise BackupDamaged


def verify_backup(store: ObjectStore, keyring: Keyring, location: str, note: Note = lambda _d, _t: None) -> Manifest:
    """Read every byte of a backup, its files too, and hold it against its manifest; raises like `read_dump`."""
    manifest = read_manifest(store, keyring, location)
    digest, size = hashlib.sha256(), 0
    with _explained(manifest.key_id), store.reading(f"{location}/{ARCHIVE}") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            size += len(piece)
    if (digest.hexdigest(), size) != (manifest.checksum, manifest.size_bytes):
        raise BackupDamaged
    done = 0
    for piece in read_dump(store, keyring, location, manifest):
        done += len(piece)
        note(done, manifest.plain_bytes)
    for name, expected in manifest.files.items():
        if sum(len(piece) for piece in read_file(store, keyring, manifest, name)) != expected:
            raise BackupDamaged
    return manifest


def read_file(store: ObjectStore, keyring: Keyring, manifest: Manifest, name: str) -> Iterator[bytes]:
    """Return one of the hospital's files out of the backups; raises like `read_dump`."""
    digest = hashlib.sha256()
    hospital_id = manifest.hospital_id
    with _explained(manifest.key_id), store.reading(f"{hospital_id}/files/{name}") as source:
        for piece in DecryptingReader(source, keyring, _file_context(hospital_id, name)):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != name:
        raise BackupDamaged


def delete_backup(store: ObjectStore, location: str) -> None:
    """Remove a backup, its manifest first: what is left of one that stops half-way does not pass for a backup."""
    for part in (MANIFEST, ARCHIVE):
        store.delete(f"{location}/{part}")


def _copy_files(
    hospital_id: UUID, wanted: dict[str, int], files: FileStore, store: ObjectStore, keyring: Keyring
) -> dict[str, int]:
    """Copy the files that no backup has yet; return those that are there.

    A row without content is of a file that is just being put in its place, or destroyed, or of a worker that died.
    """
    present: dict[str, int] = {}
    for name, size in wanted.items():
        key = f"{hospital_id}/files/{name}"
        if store.size(key) is None:
            if not files.has(hospital_id, name):
                log.error("a file has no content and is not in the backup", hospital_id=str(hospital_id), digest=name)
                continue
            with store.writing(key) as sink:
                writer = EncryptingWriter(sink, keyring, _file_context(hospital_id, name))
                for piece in files.read(hospital_id, name):
                    writer.write(piece)
                writer.close()
        present[name] = size
    return present


def _compressing(sink: EncryptingWriter) -> Any:
    compressor = zstandard.ZstdCompressor(level=LEVEL, threads=THREADS)
    return compressor.stream_writer(cast(IO[bytes], sink), closefd=False)


class _explained:  # noqa: N801
    """Say what is wrong with a stream in the words of backups."""

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, CannotDecrypt):
            if "no key" in str(error):
                raise WrongBackupKey(self._key_id) from None
            raise BackupDamaged from error
        if isinstance(error, zstandard.ZstdError | NoObject):
            raise BackupDamaged from error


def _context(location: str) -> str:
    return f"backup:{location}"


def _file_context(hospital_id: UUID, name: str) -> str:
    return f"backup-file:{hospital_id}:{name}"
