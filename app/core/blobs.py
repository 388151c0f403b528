"""Hospitals' files: content by its digest, encrypted, in a place of the hospital's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast
from uuid import UUID

from flask import Flask, current_app

from app.core.crypto import Keyring
from app.core.envelope import DecryptingReader, EncryptingWriter, key_id_of
from app.core.objects import ObjectStore, open_store

PIECE = 256 * 1024


class FileStore:
    """The content of files. A hospital's is under its id; the digest is that of the content before encryption."""

    def __init__(self, store: ObjectStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def put(self, hospital_id: UUID, content: Iterable[bytes]) -> tuple[str, int]:
        """Keep content; return its SHA-256 in hexadecimal and its size in bytes. What is there already is not doubled.

        It is read into memory, because its place is known only at its end: for files, not for archives.
        """
        whole = b"".join(content)
        digest = hashlib.sha256(whole).hexdigest()
        if not self.has(hospital_id, digest):
            with self._store.writing(_key(hospital_id, digest)) as sink:
                writer = EncryptingWriter(sink, self._keyring, _context(hospital_id, digest))
                writer.write(whole)
                writer.close()
        return digest, len(whole)

    def put_file(self, hospital_id: UUID, source: BinaryIO, digest: str) -> None:
        """Keep what a file has from its beginning on, piece by piece, under the digest that `digest_of` told."""
        if self.has(hospital_id, digest):
            return
        source.seek(0)
        with self._store.writing(_key(hospital_id, digest)) as sink:
            writer = EncryptingWriter(sink, self._keyring, _context(hospital_id, digest))
            while piece := source.read(PIECE):
                writer.write(piece)
            writer.close()

    def read(self, hospital_id: UUID, digest: str) -> Iterator[bytes]:
        """Return content piece by piece; raises NoObject, or CannotDecrypt where it was altered or is another's."""
        with self._store.reading(_key(hospital_id, digest)) as source:
            yield from DecryptingReader(source, self._keyring, _context(hospital_id, digest))

    def key_id(self, hospital_id: UUID, digest: str) -> str:
        """Return the id of the key that content is under; raises NoObject."""
        with self._store.reading(_key(hospital_id, digest)) as source:
            return key_id_of(source)

    def renew(self, hospital_id: UUID, digest: str) -> bool:
        """Encrypt content anew under the active key, piece by piece; False where it is under it. Raises like `read`."""
        if self.key_id(hospital_id, digest) == self._keyring.active_id:
            return False
        place, context = _key(hospital_id, digest), _context(hospital_id, digest)
        with self._store.reading(place) as source, self._store.writing(place) as sink:
            writer = EncryptingWriter(sink, self._keyring, context)
            for piece in DecryptingReader(source, self._keyring, context):
                writer.write(piece)
            writer.close()
        return True

    def has(self, hospital_id: UUID, digest: str) -> bool:
        """Tell whether content is there."""
        return self._store.size(_key(hospital_id, digest)) is not None

    def list(self, hospital_id: UUID) -> Iterator[str]:
        """Return the digests of a hospital's files."""
        for entry in self._store.list(f"{hospital_id}/"):
            yield entry.key.rsplit("/", 1)[1]

    def delete(self, hospital_id: UUID, digest: str) -> None:
        """Destroy content; harmless where it is gone."""
        self._store.delete(_key(hospital_id, digest))

    def delete_all(self, hospital_id: UUID) -> int:
        """Destroy everything of a hospital; return how many files that were."""
        keys = [entry.key for entry in self._store.list(f"{hospital_id}/")]
        for key in keys:
            self._store.delete(key)
        return len(keys)


def digest_of(source: BinaryIO) -> tuple[str, int]:
    """Return the SHA-256 in hexadecimal and the size of what a file has, without holding all of it."""
    source.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def init_files(app: Flask, url: str) -> None:
    """Give an application its file store."""
    app.extensions["files"] = FileStore(open_store(url), app.extensions["keyring"])


def file_store() -> FileStore:
    """Return the application's file store."""
    return cast(FileStore, current_app.extensions["files"])


def _key(hospital_id: UUID, digest: str) -> str:
    return f"{hospital_id}/{digest[:2]}/{digest}"


def _context(hospital_id: UUID, digest: str) -> str:
    return f"file:{hospital_id}:{digest}"
