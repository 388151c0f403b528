"""Writing down that somebody took a list of who can do what away."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.unit_of_work import apart
from app.domain.audit.operations import record_change
from app.domain.organisation.models import HospitalInfo


def note_export(actor: Actor, permission: str | None) -> None:
    """Record the export in a transaction of its own: the page itself only reads."""
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    with apart() as session:
        record_change(
            actor,
            "roles.export",
            subject_type="hospital",
            subject_id=hospital_id,
            changes={"permission": permission},
            session=session,
        )
