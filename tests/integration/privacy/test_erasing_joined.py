"""Whoever is erased is erased in every registration that was joined; nothing of the files is left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.blobs import file_store
from app.core.db import db
from app.domain.audit.models import OutboxEvent
from app.domain.files.models import File, FileLink
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, PatientRelation, RelationKind
from app.domain.privacy.models import ErasureKind
from app.tenancy.binding import bound_hospital
from tests import factories
from tests.integration.patients.test_joining import merge
from tests.integration.privacy.test_erasing import DEIDENTIFY, ERASE, approve, perform, texts_of
from tests.support.platform import Platform

Bind = Callable[[str], Any]


@pytest.fixture
def joined(bound: Bind, alpha: str) -> tuple[UUID, UUID]:
    """Somebody registered twice, with something that joining left behind, and a file."""
    with bound(alpha):
        first = factories.make_patient(full_name="Trương Thị Đôi")
        second = factories.make_patient(full_name="Truong Thi Doi hai", street="99 Ngõ Vắng", phone="+84977000111")
        for one in (first, second):
            one.allergy_state = AllergyState.KNOWN
            db.session.add(PatientAllergy(patient_id=one.id, substance="Penicillin hiếm"))
        db.session.add(PatientRelation(patient_id=second.id, kind=RelationKind.OTHER, related_id=first.id))
        digest, size = file_store().put(bound_hospital().id, [b"a photograph"])
        file = File(sha256=digest, size_bytes=size, media_type="image/png", name="doi.png")
        db.session.add(file)
        db.session.flush()
        db.session.add(FileLink(file_id=file.id, subject_type="x", subject_id=second.id, patient_id=second.id))
        ids = first.id, second.id
    with bound(alpha):
        merge(ids[1], ids[0])
    return ids


@pytest.mark.parametrize("kind", [DEIDENTIFY, ERASE])
def test_registrations_that_were_joined_are_cleared_with_the_patient(
    app: Flask, bound: Bind, alpha: str, joined: tuple[UUID, UUID], platform: Platform, kind: ErasureKind
) -> None:
    with bound(alpha):
        cccd = db.session.get_one(Patient, joined[1]).cccd or "-"
    approve(bound, alpha, joined[0], kind)
    assert perform(app) == 1
    kept = texts_of(platform, alpha)
    for said in ("Doi hai", "Trương Thị", "Ngõ Vắng", "977000111", cccd, "doi.png"):
        assert said not in kept
    assert ("Penicillin hiếm" in kept) is (kind is DEIDENTIFY)
    with bound(alpha):
        second = db.session.get_one(Patient, joined[1])
        assert second.erased_at is not None
        assert db.session.scalars(sa.select(PatientRelation.id)).all() == []
        told = sa.select(OutboxEvent.subject_id).where(OutboxEvent.kind == "patient.erase")
        assert set(db.session.scalars(told)) == set(joined)
        assert not file_store().has(bound_hospital().id, db.session.scalars(sa.select(File.sha256)).one())
