"""The deletion certificate: what was destroyed, when, at whose word, what remains until when, and what proves it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.ending import signing
from app.tenancy.ending.errors import CertificateAltered, NoCertificate
from app.tenancy.models import Backup, DeletionCertificate

VERSION = 1


def issue(hospital_id: UUID, document: dict[str, Any]) -> str:
    """Sign a document and keep it; the one that is kept already stays. Returns its signature."""
    document = {"version": VERSION, "public_key": signing.public_key(), **document}
    row = {
        "id": new_id(),
        "hospital_id": hospital_id,
        "issued_at": clock.now(),
        "document": document,
        "signature": signing.sign(document),
    }
    with unit_of_work() as session:
        session.execute(insert(DeletionCertificate).values(row).on_conflict_do_nothing(index_elements=["hospital_id"]))
    with unit_of_work():
        return get_certificate(hospital_id).signature


def get_certificate(hospital_id: UUID) -> DeletionCertificate:
    """Return a hospital's certificate; raises NoCertificate."""
    found = db.session.scalar(sa.select(DeletionCertificate).where(DeletionCertificate.hospital_id == hospital_id))
    if found is None:
        raise NoCertificate
    return found


def written(certificate: DeletionCertificate) -> dict[str, Any]:
    """Return a certificate as it is handed out."""
    return {"document": certificate.document, "signature": certificate.signature, "algorithm": "Ed25519"}


def verify(handed_out: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a certificate that this platform has signed; raises CertificateAltered."""
    document, signature = handed_out.get("document"), handed_out.get("signature")
    if not isinstance(document, dict) or not isinstance(signature, str) or not signing.is_genuine(document, signature):
        raise CertificateAltered
    return document


def list_remaining_backups(hospital_id: UUID) -> list[Any]:
    """Return the backups of a hospital that are still in the store, newest first."""
    query = (
        sa.select(Backup.id, Backup.location, Backup.checksum, Backup.size_bytes, Backup.started_at, Backup.key_id)
        .where(Backup.hospital_id == hospital_id, Backup.pruned_at.is_(None))
        .order_by(Backup.started_at.desc())
    )
    return list(db.session.execute(query).all())
