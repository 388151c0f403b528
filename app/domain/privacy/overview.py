"""What the privacy page of one patient shows, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.domain.audit.operations import record_access
from app.domain.patients.models import Patient
from app.domain.privacy.consents import Standing, list_standing
from app.domain.privacy.models import DataRequest, Erasure, ErasureState, LegalHold, OwnExport

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Overview:
    """A patient, who may be erased already, with all that data protection knows of them."""

    patient: Patient
    standing: Sequence[Standing]
    requests: Sequence[DataRequest]
    exports: Sequence[OwnExport]
    holds: Sequence[LegalHold]
    erasures: Sequence[Erasure]
    kept_until: datetime | None

    @property
    def is_held(self) -> bool:
        """Tell whether a legal hold forbids erasing."""
        return any(hold.released_at is None for hold in self.holds)

    @property
    def open_erasure(self) -> Erasure | None:
        """The erasure that is proposed or being performed."""
        return next((one for one in self.erasures if one.state.value in ("proposed", "approved")), None)


def open_overview(actor: Actor, patient_id: UUID) -> Overview:
    """Return what is known; raises NotFound. Who looked is written down."""
    patient = db.session.get(Patient, patient_id)
    if patient is None:
        raise NotFound
    record_access(actor, "patient.privacy", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])

    def newest(model: Any, moment: Any) -> Sequence[Any]:
        query: sa.Select[Any] = sa.select(model).where(model.patient_id == patient_id)
        return db.session.scalars(query.order_by(moment.desc()).limit(SHOWN)).all()

    return Overview(
        patient=patient,
        standing=list_standing(patient_id),
        requests=newest(DataRequest, DataRequest.received_at),
        exports=newest(OwnExport, OwnExport.asked_at),
        holds=newest(LegalHold, LegalHold.placed_at),
        erasures=newest(Erasure, Erasure.proposed_at),
        kept_until=find_kept_until(patient_id),
    )


def find_kept_until(patient_id: UUID) -> datetime | None:
    """Return until when the law keeps a patient's records; None where none is signed."""
    query = sa.select(sa.func.vien_kept_until(patient_id, type_=sa.DateTime(timezone=True)))
    return db.session.scalar(query, bind_arguments={"mapper": Patient})


def list_erasures(actor: Actor, limit: int = 100) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return erasures, those that wait first, with whom they are about, who proposed and who decided."""
    query = (
        sa.select(
            Erasure.id,
            Erasure.patient_id,
            Patient.code.label("patient_code"),
            Patient.full_name.label("patient_name"),
            Erasure.kind,
            Erasure.state,
            Erasure.proposed_at,
            Erasure.proposed_by_name,
            Erasure.decided_by_name,
            Erasure.performed_at,
        )
        .join(Patient, Patient.id == Erasure.patient_id)
        .order_by((Erasure.state == ErasureState.PROPOSED).desc(), Erasure.proposed_at.desc())
        .limit(limit)
    )
    rows = db.session.execute(query).all()
    seen = [row.patient_id for row in rows]
    record_access(actor, "erasure.list", subject_type="erasure", subject_id=None, patient_ids=seen)
    return rows
