"""What belongs to a record or a result goes with it when its time is over, to the content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.db import db
from app.domain.documents.models import Document, DocumentKind, DocumentSubject, DocumentVersion
from app.domain.files.keeping import destroy_left_files
from app.domain.files.models import File, FileLink
from app.domain.laboratory.models import LabOrder, LabOrderItem
from app.domain.records.models import MedicalRecord
from app.tenancy.binding import bind_hospital, bound_hospital
from tests.integration.privacy.test_export_documents import add_version, keep
from tests.integration.privacy.test_retention import confirm, old_records, perform
from tests.support.platform import Platform

__all__ = ["old_records"]

Bind = Callable[[str], Any]


@pytest.fixture
def papers(bound: Bind, old_records: Any, platform: Platform) -> list[str]:
    """A paper of an old record, one of a test ordered at that visit, and one of the patient's own; in this order."""
    who = old_records.patient_id
    with platform.admin("alpha") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE lab_orders SET appointment_id = (SELECT appointment_id FROM medical_records WHERE patient_id = %s"
            " AND signed_at IS NOT NULL ORDER BY id LIMIT 1) WHERE patient_id = %s",
            (who, who),
        )
    with bound("alpha"):
        record = db.session.scalars(
            sa.select(MedicalRecord)
            .where(MedicalRecord.patient_id == who, MedicalRecord.signed_at.is_not(None))
            .order_by(MedicalRecord.id)
        ).first()
        assert record is not None
        items = (
            sa.select(LabOrderItem.id)
            .join(LabOrder, LabOrder.id == LabOrderItem.order_id)
            .where(LabOrder.appointment_id == record.appointment_id)
        )
        item = db.session.scalars(items).first()
        paper = Document(
            patient_id=who, kind=DocumentKind.OTHER, title="record", subject_type=DocumentSubject.RECORD,
            subject_id=record.series_id,
        )  # fmt: skip
        db.session.add(paper)
        db.session.flush()
        add_version(paper, "of the record", 1, clock.now())
        assert item is not None
        keep(who, "of the test", clock.now(), item)
        keep(who, "of the patient", clock.now())
        return ["of the record", "of the test"]


def test_papers_of_purged_records_and_tests_are_destroyed_and_others_stay(
    app: Flask, bound: Bind, papers: list[str]
) -> None:
    with bound("alpha"):
        query = sa.select(File).where(File.name.in_([f"{one}.pdf" for one in papers]))
        gone = {file.id: file.sha256 for file in db.session.scalars(query)}
        stays = db.session.scalars(sa.select(File).where(File.name == "of the patient.pdf")).one()
        stays_id, kept = stays.id, stays.sha256
    assert len(gone) == len(papers)
    confirm(bound, "records.general")
    perform(app)
    perform(app)
    with app.app_context(), bind_hospital("alpha"):
        assert destroy_left_files() == len(papers)
        assert destroy_left_files() == 0
    with bound("alpha"):
        assert not {*papers, "record"} & set(db.session.scalars(sa.select(Document.title)))
        rest = set(db.session.scalars(sa.select(DocumentVersion.file_id)))
        links = set(db.session.scalars(sa.select(FileLink.file_id)))
        assert stays_id in rest & links
        assert not (rest | links) & set(gone)
        has = {digest: file_store().has(bound_hospital().id, digest) for digest in (*gone.values(), kept)}
        assert has == {**dict.fromkeys(gone.values(), False), kept: True}
        names = sa.select(File.name).where(File.id.in_(gone))
        assert set(db.session.scalars(names)) == {"—"}
