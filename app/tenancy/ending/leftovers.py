"""What a deleted hospital leaves in the store of backups, and its end on the day that the certificate names."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.actor import Actor
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.ending.safety import destroy_backups
from app.tenancy.models import Backup, DeletionCertificate, Hospital, HospitalStatus
from app.tenancy.operations import record_hospital_change

log = get_logger(__name__)


def destroy_due_backups(actor: Actor) -> list[str]:
    """Destroy the backups of hospitals deleted long enough ago; return their codes. What fails is tried again."""
    days = current_app.extensions["settings"].deleted_backup_days
    left = sa.exists().where(Backup.hospital_id == Hospital.id, Backup.pruned_at.is_(None))
    certified = sa.exists().where(DeletionCertificate.hospital_id == Hospital.id)
    query = sa.select(Hospital.id, Hospital.code, Hospital.deleted_at).where(
        Hospital.status == HospitalStatus.DELETED,
        Hospital.deleted_at <= clock.now() - timedelta(days=days),
        left,
        certified,
    )
    with unit_of_work() as session:
        due = session.execute(query).all()
    done = []
    for hospital_id, code, deleted_at in due:
        try:
            destroyed = destroy_backups(hospital_id, since=deleted_at or clock.now())["destroyed"]
        except VienError as error:
            log.error("backups of a deleted hospital are left", hospital=code, error=type(error).__name__)
            continue
        with unit_of_work() as session:
            changes: dict[str, object] = {"backups": [[one["id"] for one in destroyed], []]}
            hospital = session.get_one(Hospital, hospital_id)
            record_hospital_change(actor, "hospital.destroy_backups", hospital, changes, risk="high")
        done.append(code)
    return done
