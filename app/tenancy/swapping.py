"""Exchanging a hospital's database for another, and back: one transaction at the centre, heard by every process.

The database that is left keeps its place among the retired ones until `drop_after`. Whoever exchanges has the hospital
paused (`pausing`), so that nothing is written into the one that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from flask import current_app
from psycopg import sql

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer, platform_keyring
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import tenancy
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.ledger.leases import keep_hospital
from app.tenancy.models import DatabaseCluster, Hospital, HospitalDatabase, RetiredDatabase, SyncCursor
from app.tenancy.vault import seal_password

log = get_logger(__name__)

RESTORE, MOVE, SWAP_BACK = "restore", "move", "swap_back"


@dataclass(frozen=True, slots=True)
class NewHome:
    """The database that a hospital is to use from now on, ready to serve."""

    cluster_id: UUID
    database: str
    role: str
    password: str
    revision: str | None

    def __repr__(self) -> str:
        return f"NewHome({self.role}@{self.database})"


def exchange(
    actor: Actor, hospital_id: UUID, home: NewHome, *, reason: str, other_data: bool, holder: str | None = None
) -> UUID | None:
    """Give a hospital another database and retire the present one; return the retired one's row.

    None where it uses that database already. With `other_data` than in the old database what the centre has heard is
    forgotten, so that it is heard from the beginning. With `holder` it is done only while this runner still has the
    hospital: whoever was away for too long may have been taken for dead, and the pause lifted. Raises LeaseLost.
    """
    with unit_of_work() as session:
        if holder is not None:
            keep_hospital(session, hospital_id, holder)
        hospital = session.scalars(sa.select(Hospital).where(Hospital.id == hospital_id).with_for_update()).one()
        query = sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_id).with_for_update()
        place = session.scalars(query.execution_options(populate_existing=True)).one()
        if (place.cluster_id, place.database_name) == (home.cluster_id, home.database):
            return None
        retired = _retire(place, hospital.schema_revision, reason)
        session.add(retired)
        _note_brought_back(home)
        _settle(place, home)
        hospital.schema_revision = home.revision or hospital.schema_revision
        if other_data:
            session.execute(sa.delete(SyncCursor).where(SyncCursor.hospital_id == hospital_id))
        session.flush()
        record_platform_change(
            session,
            actor,
            "hospital.exchange_database",
            subject_type="hospital",
            subject_id=hospital_id,
            hospital_id=hospital_id,
            changes={"database": [retired.database_name, home.database], "reason": [None, reason]},
            risk="high",
        )
        after_commit(tenancy().registry.forget)
        return retired.id


def retire_until() -> datetime:
    """Return until when a database that is retired now is kept."""
    return clock.now() + timedelta(days=current_app.extensions["settings"].retired_days)


def list_retired(hospital_id: UUID | None = None, limit: int = 50) -> Sequence[Any]:
    """Return the retired databases that are still kept, newest first."""
    kept: list[sa.ColumnElement[bool]] = [
        RetiredDatabase.dropped_at.is_(None),
        RetiredDatabase.brought_back_at.is_(None),
    ]
    if hospital_id is not None:
        kept.append(RetiredDatabase.hospital_id == hospital_id)
    query = (
        sa.select(
            RetiredDatabase.id,
            RetiredDatabase.hospital_id,
            Hospital.code,
            RetiredDatabase.reason,
            RetiredDatabase.database_name,
            RetiredDatabase.revision,
            RetiredDatabase.retired_at,
            RetiredDatabase.drop_after,
        )
        .join(Hospital, Hospital.id == RetiredDatabase.hospital_id)
        .where(*kept)
        .order_by(RetiredDatabase.retired_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def drop_due_databases(actor: Actor, *, dry_run: bool = False) -> list[str]:
    """Drop the retired databases whose time is over; return their names. What fails is tried at the next call."""
    with unit_of_work():
        due = _list_due()
    if dry_run:
        return [row.database_name for row in due]
    dropped = []
    for row in due:
        try:
            drop_retired(actor, row.id)
            dropped.append(row.database_name)
        except (VienError, psycopg.Error) as error:
            log.warning("a retired database could not be dropped", retired=str(row.id), error=type(error).__name__)
    return dropped


def drop_retired(actor: Actor, retired_id: UUID) -> None:
    """Drop one retired database and its role."""
    with unit_of_work() as session:
        retired = session.get_one(RetiredDatabase, retired_id)
        cluster = administer(session.get_one(DatabaseCluster, retired.cluster_id))
        database, role = retired.database_name, retired.login_role
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
    drop_login(cluster, role)
    with unit_of_work() as session:
        retired = session.get_one(RetiredDatabase, retired_id)
        retired.dropped_at = clock.now()
        record_platform_change(
            session,
            actor,
            "hospital.drop_retired_database",
            subject_type="hospital",
            subject_id=retired.hospital_id,
            hospital_id=retired.hospital_id,
            changes={"database": [database, None]},
            risk="high",
        )


def _list_due() -> Sequence[Any]:
    used = sa.exists().where(
        HospitalDatabase.cluster_id == RetiredDatabase.cluster_id,
        HospitalDatabase.database_name == RetiredDatabase.database_name,
    )
    query = sa.select(RetiredDatabase.id, RetiredDatabase.database_name).where(
        RetiredDatabase.dropped_at.is_(None),
        RetiredDatabase.brought_back_at.is_(None),
        RetiredDatabase.drop_after <= clock.now(),
        ~used,
    )
    return db.session.execute(query.order_by(RetiredDatabase.drop_after)).all()


def _retire(place: HospitalDatabase, revision: str | None, reason: str) -> RetiredDatabase:
    return RetiredDatabase(
        hospital_id=place.hospital_id,
        cluster_id=place.cluster_id,
        reason=reason,
        database_name=place.database_name,
        login_role=place.login_role,
        password_ciphertext=place.password_ciphertext,
        password_nonce=place.password_nonce,
        password_key_id=place.password_key_id,
        revision=revision,
        drop_after=retire_until(),
    )


def _note_brought_back(home: NewHome) -> None:
    db.session.execute(
        sa.update(RetiredDatabase)
        .where(
            RetiredDatabase.cluster_id == home.cluster_id,
            RetiredDatabase.database_name == home.database,
            RetiredDatabase.brought_back_at.is_(None),
        )
        .values(brought_back_at=clock.now())
    )


def _settle(place: HospitalDatabase, home: NewHome) -> None:
    place.cluster_id, place.database_name, place.login_role = home.cluster_id, home.database, home.role
    place.replica_ciphertext = place.replica_nonce = place.replica_key_id = None  # a replica is of one server
    seal_password(platform_keyring(), place, home.password)
