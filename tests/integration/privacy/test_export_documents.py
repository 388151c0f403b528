"""Which documents a copy of one's own data carries: everything but what is wrong, and what no released result shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.db import db
from app.domain.documents.models import Document, DocumentKind, DocumentSubject, DocumentVersion
from app.domain.files.models import File, FileLink
from app.domain.laboratory.models import Flag
from app.tenancy.binding import bound_hospital
from tests import factories
from tests.integration.hospital.results_at_hand import make_report
from tests.integration.privacy.test_exports import ask, make, opened

Bind = Callable[[str], Any]


def keep(patient_id: UUID, title: str, at: datetime, item: UUID | None = None, **facts: Any) -> Document:
    """Keep a document with one version, whose content is its title."""
    subject = DocumentSubject.LAB_ITEM if item else DocumentSubject.PATIENT
    document = Document(
        patient_id=patient_id, kind=DocumentKind.OTHER, title=title, subject_type=subject, subject_id=item,
        created_at=at, **facts,
    )  # fmt: skip
    db.session.add(document)
    db.session.flush()
    add_version(document, title, 1, at)
    return document


def add_version(document: Document, content: str, number: int, at: datetime) -> None:
    digest, size = file_store().put(bound_hospital().id, [content.encode()])
    file = File(sha256=digest, size_bytes=size, media_type="application/pdf", name=f"{content}.pdf")
    db.session.add(file)
    db.session.flush()
    owner = {"file_id": file.id, "patient_id": document.patient_id}
    db.session.add(DocumentVersion(document_id=document.id, number=number, created_at=at, note=content, **owner))
    db.session.add(FileLink(subject_type="document", subject_id=document.id, **owner))
    db.session.flush()


@pytest.fixture
def patient(bound: Bind, alpha: str) -> UUID:
    """Somebody with a document of each sort, two days old where nothing else is said."""
    with bound(alpha):
        patient_id, doctor = factories.make_patient().id, factories.make_staff("doctor").id
        now, before = clock.now(), clock.now() - timedelta(days=2)
        released = make_report(patient_id, doctor, {"K": ("5.6", Flag.HIGH)}, released_at=now - timedelta(hours=1))
        hidden = make_report(patient_id, doctor, {"NA": ("131", Flag.LOW)})
        keep(patient_id, "kept", before)
        wrong = {"deleted_at": now, "deleted_by": doctor, "delete_reason": "somebody else's"}
        keep(patient_id, "wrong", before, **wrong)
        attached = keep(patient_id, "seen", before, released.item_id)
        add_version(attached, "later", 2, now + timedelta(minutes=1))
        keep(patient_id, "afterwards", now + timedelta(minutes=1), released.item_id)
        keep(patient_id, "unreleased", before, hidden.item_id)
    return patient_id


def test_a_copy_carries_no_wrong_document_and_no_attachment_of_an_unreleased_result(
    app: Flask, bound: Bind, patient: UUID, alpha: str
) -> None:
    export_id = ask(bound, patient)
    assert make(app) == 1
    copy = opened(bound, patient, export_id)

    def rows(table: str) -> list[dict[str, Any]]:
        return list(json.loads(copy.read(f"data/{table}.json")))

    assert {row["title"] for row in rows("documents")} == {"kept", "seen"}
    assert {row["note"] for row in rows("document_versions")} == {"kept", "seen"}
    assert {row["subject_id"] for row in rows("file_links") if row["subject_type"] == "document"} == {
        row["id"] for row in rows("documents")
    }
    contents = {copy.read(name).decode() for name in copy.namelist() if name.startswith("files/")}
    assert contents == {"kept", "seen"}
    everything = "".join(copy.read(name).decode() for name in copy.namelist())
    for said in ("wrong", "unreleased", "afterwards", "somebody else's"):
        assert said not in everything
