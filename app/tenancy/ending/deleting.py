"""Deleting a hospital: prepared with a verified backup, waited for, then done step by step, with a certificate.

From the step `close` on it serves nobody and cannot come back. Every step is harmless twice, and each later one knows
from the ledger what the earlier ones have found, so that whoever is killed is followed by somebody who goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.blobs import file_store
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.backups.backing_up import STEPS as BACKUP_STEPS
from app.tenancy.binding import tenancy
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.ending.certificates import issue
from app.tenancy.ending.certifying import Found, describe_deletion, rows_of
from app.tenancy.ending.dropping import drop_place, list_places
from app.tenancy.ending.errors import NotDueYet
from app.tenancy.ending.safety import (
    BEFORE_DELETE,
    destroy_backups,
    have_fresh_backup,
    have_verified,
    keep_backups,
)
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import UNFINISHED, request_operation
from app.tenancy.models import (
    ConfigurationApplied,
    DatabaseCluster,
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
    Operation,
    OutboxConsumer,
    PatientIndexEntry,
    RetiredDatabase,
    RetiredLogin,
    SyncCursor,
    SyncRun,
)
from app.tenancy.operations import (
    DeletionPending,
    check_reason,
    lock_hospital,
    record_hospital_change,
    set_status,
)

PREPARE, DELETE = "hospital.prepare_deletion", "hospital.delete"
OUT_OF_SERVICE = (HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)
RETRY_SECONDS = 3600
FORGOTTEN: tuple[Any, ...] = (
    PatientIndexEntry,
    SyncCursor,
    SyncRun,
    OutboxConsumer,
    ConfigurationApplied,
    HospitalAdministrator,
    HospitalDatabase,
)


def request_deletion(actor: Actor, code: str, reason: str, *, destroy: bool = False, wake: bool = True) -> Operation:
    """Ask that a hospital out of service be deleted after the grace period; with `destroy` its backups too.

    Raises InvalidValue, UnknownHospital, NotInThisState or DeletionPending.
    """
    reason = check_reason(reason)
    hospital = lock_hospital(code, *OUT_OF_SERVICE)
    if hospital.delete_after is not None:
        raise DeletionPending
    arguments = {"reason": reason, "destroy_backups": destroy}
    return request_operation(actor, PREPARE, hospital=hospital, arguments=arguments, wake=wake)


def find_request(hospital_id: UUID) -> Operation | None:
    """Return by which operation a deletion was asked for last."""
    query = sa.select(Operation).where(Operation.hospital_id == hospital_id, Operation.kind == PREPARE)
    return db.session.scalar(query.order_by(Operation.requested_at.desc()).limit(1))


def request_due_deletions(actor: Actor, *, wake: bool = True) -> list[str]:
    """Ask that the hospitals whose grace period is over be deleted; return their codes."""
    due = (
        sa.select(Hospital)
        .where(Hospital.status.in_(OUT_OF_SERVICE), Hospital.delete_after <= clock.now())
        .with_for_update(skip_locked=True)
    )
    asked = []
    for hospital in db.session.scalars(due).all():
        if _is_asked(hospital.id):
            continue
        request_final(actor, hospital, wake=wake)
        asked.append(hospital.code)
    return asked


def request_final(actor: Actor, hospital: Hospital, *, wake: bool = True) -> Operation:
    """Ask that a hospital be deleted now; raises NotDueYet before the end of the grace period."""
    if hospital.delete_after is None or hospital.delete_after > clock.now():
        raise NotDueYet
    prepared = find_request(hospital.id)
    arguments = dict(prepared.arguments) if prepared else {"reason": "", "destroy_backups": False}
    if prepared:
        arguments |= {
            "asked_by": prepared.requested_by_name,
            "asked_at": prepared.requested_at.isoformat(timespec="seconds"),
            "backup": prepared.result.get("backup"),
        }
    return request_operation(actor, DELETE, hospital=hospital, arguments=arguments, wake=wake)


@operation(
    PREPARE,
    title=_l("Prepare the deletion of a hospital"),
    takes_hospital=True,
    steps={
        "choose": _l("Look for a verified backup of when it had stopped"),
        **BACKUP_STEPS,
        "wait": _l("Begin the grace period"),
    },
)
def prepare_deletion(work: Work) -> dict[str, Any]:
    """See that a verified backup exists, and let the grace period begin."""
    with unit_of_work():
        lock_hospital(work.code, *OUT_OF_SERVICE)
    backup = have_fresh_backup(work, BEFORE_DELETE)
    waits = work.step("wait", lambda: _begin_grace(work))
    return {"code": work.code, "backup": backup["id"], "delete_after": waits["delete_after"]}


@operation(
    DELETE,
    title=_l("Delete a hospital"),
    takes_hospital=True,
    retry_seconds=RETRY_SECONDS,
    steps={
        "check": _l("See that the last backup is there and whole"),
        "close": _l("Close it for good"),
        "databases": _l("Drop its databases"),
        "logins": _l("Drop its roles"),
        "files": _l("Destroy its files"),
        "centre": _l("Forget its patients and its credentials"),
        "backups": _l("Settle what becomes of its backups"),
        "certificate": _l("Issue the certificate"),
    },
)
def delete_hospital(work: Work) -> dict[str, Any]:
    """Delete a hospital whose grace period is over."""
    backup = have_verified(work, work.arguments.get("backup"))
    closed = work.step("close", lambda: _close(work))
    work.step("databases", lambda: _drop_databases(work, closed["places"]))
    work.step("logins", lambda: _drop_logins(work, closed["places"]))
    files = work.step("files", lambda: {"files": file_store().delete_all(work.hospital)})
    centre = work.step("centre", lambda: _forget(work))
    kept = work.step("backups", lambda: _settle_backups(work, backup["id"], closed["deleted_at"]))
    rows = rows_of(backup["id"])
    facts = Found(backup=backup, rows=rows, closed=closed, files=files["files"], centre=centre, backups=kept)
    document = describe_deletion(work, facts)
    work.step("certificate", lambda: {"signature": issue(work.hospital, document)})
    return {"code": work.code, "databases": len(closed["places"]), "backups_kept": len(kept["kept"])}


def _is_asked(hospital_id: UUID) -> bool:
    """Tell whether the end of a deletion was asked for; one that failed is tried again by itself, one cancelled not."""
    prepared = find_request(hospital_id)
    since = [Operation.requested_at > prepared.requested_at] if prepared else []
    asked = sa.exists().where(Operation.hospital_id == hospital_id, Operation.kind == DELETE, *since)
    return bool(db.session.scalar(sa.select(asked)))


def _begin_grace(work: Work) -> dict[str, Any]:
    days = current_app.extensions["settings"].delete_grace_days
    with unit_of_work():
        hospital = lock_hospital(work.code, *OUT_OF_SERVICE)
        if hospital.delete_after is None:
            hospital.delete_after = clock.now() + timedelta(days=days)
            hospital.updated_by = work.actor.id
            db.session.flush()
            changes: dict[str, object] = {
                "delete_after": [None, hospital.delete_after.isoformat(timespec="seconds")],
                "reason": [None, work.arguments["reason"]],
            }
            record_hospital_change(work.actor, "hospital.plan_deletion", hospital, changes, risk="high")
        return {"delete_after": hospital.delete_after.isoformat(timespec="seconds")}


def _close(work: Work) -> dict[str, Any]:
    """Make it unreachable for good, and write down everything that is to be dropped."""
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, work.hospital, with_for_update=True, populate_existing=True)
        if hospital.status is not HospitalStatus.DELETED:
            hospital = lock_hospital(work.code, *OUT_OF_SERVICE)
            if hospital.delete_after is None or hospital.delete_after > clock.now():
                raise NotDueYet
            set_status(work.actor, "hospital.delete", hospital, HospitalStatus.DELETED, str(work.arguments["reason"]))
            hospital.deleted_at, hospital.paused_at = clock.now(), None
            session.flush()
        assert hospital.deleted_at is not None
        return {
            "deleted_at": hospital.deleted_at.isoformat(timespec="seconds"),
            "domain": hospital.custom_domain,
            "places": list_places(session, hospital.id),
        }


def _drop_databases(work: Work, places: list[dict[str, Any]]) -> None:
    for number, place in enumerate(places):
        work.progress(number, len(places), place["server"])
        if place["database"]:
            drop_place(_cluster_of(place), place["database"], place["role"])
    with unit_of_work() as session:
        session.execute(
            sa.update(RetiredDatabase)
            .where(RetiredDatabase.hospital_id == work.hospital, RetiredDatabase.dropped_at.is_(None))
            .values(dropped_at=clock.now())
        )


def _drop_logins(work: Work, places: list[dict[str, Any]]) -> None:
    for place in places:
        drop_login(_cluster_of(place), place["role"])
    with unit_of_work() as session:
        session.execute(
            sa.update(RetiredLogin)
            .where(RetiredLogin.hospital_id == work.hospital, RetiredLogin.dropped_at.is_(None))
            .values(dropped_at=clock.now())
        )


def _cluster_of(place: dict[str, Any]) -> Any:
    with unit_of_work() as session:
        return administer(session.get_one(DatabaseCluster, UUID(place["cluster"])))


def _forget(work: Work) -> dict[str, Any]:
    """Take out of the centre what it knew of the hospital's people, and the key to a database that is gone."""
    gone = {}
    with unit_of_work() as session:
        for model in FORGOTTEN:
            deleted = session.execute(sa.delete(model).where(model.hospital_id == work.hospital))
            gone[model.__tablename__] = int(getattr(deleted, "rowcount", 0))
        hospital = session.get_one(Hospital, work.hospital, with_for_update=True)
        hospital.custom_domain, hospital.delete_after = None, None
        session.flush()
        after_commit(tenancy().registry.forget)
    return gone


def _settle_backups(work: Work, last: str, deleted_at: str) -> dict[str, Any]:
    """Destroy the backups where that was asked for, else say until when they are kept."""
    if work.arguments.get("destroy_backups"):
        return destroy_backups(work.hospital, since=datetime.fromisoformat(deleted_at))
    days = current_app.extensions["settings"].deleted_backup_days
    until = datetime.fromisoformat(deleted_at) + timedelta(days=days)
    return keep_backups(work.hospital, UUID(last), until=until)


def has_unfinished(hospital_id: UUID) -> bool:
    """Tell whether a deletion is being prepared or done just now."""
    going_on = sa.exists().where(
        Operation.hospital_id == hospital_id, Operation.kind.in_((PREPARE, DELETE)), Operation.state.in_(UNFINISHED)
    )
    return bool(db.session.scalar(sa.select(going_on)))
