"""The tenant, the place of its database, and the steps by which it came to be."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import CentralModel, Edited, Identified, Versioned


class HospitalStatus(enum.StrEnum):
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"
    DELETED = "deleted"


class StepState(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DatabaseCluster(Identified, Edited, CentralModel):
    """A PostgreSQL server on which hospitals' databases may be placed."""

    __tablename__ = "database_clusters"

    name: Mapped[str] = mapped_column(unique=True)
    region: Mapped[str]
    host: Mapped[str] = mapped_column(doc="one name, or several with commas: libpq tries them in turn")
    port: Mapped[int]
    target_session_attrs: Mapped[str] = mapped_column(
        default="any", server_default="any", doc="`read-write` with several hosts: the primary is found by itself"
    )
    pooler_host: Mapped[str | None] = mapped_column(doc="PgBouncer before it, for portals and workers")
    pooler_port: Mapped[int | None]
    tls_mode: Mapped[str] = mapped_column(default="prefer")
    admin_credential: Mapped[str] = mapped_column(doc="where the administrative address is found: `env:NAME`")
    capacity: Mapped[int] = mapped_column(default=500, doc="hospitals at most")
    capacity_gb: Mapped[int | None] = mapped_column(doc="disk that databases may fill; unknown to PostgreSQL itself")
    accepts_new: Mapped[bool] = mapped_column(default=True, server_default=sa.true())


class Hospital(Identified, Edited, Versioned, CentralModel):
    """A tenant of the platform."""

    __tablename__ = "hospitals"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    display_name: Mapped[str]
    custom_domain: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[HospitalStatus] = mapped_column(default=HospitalStatus.PROVISIONING)
    status_reason: Mapped[str | None]
    plan: Mapped[str] = mapped_column(default="standard")
    max_users: Mapped[int] = mapped_column(default=100)
    max_storage_gb: Mapped[int] = mapped_column(default=50)
    region: Mapped[str] = mapped_column(default="vn")
    timezone: Mapped[str] = mapped_column(default="Asia/Ho_Chi_Minh")
    locale: Mapped[str] = mapped_column(default="vi")
    isolation: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    schema_revision: Mapped[str | None]
    paused_at: Mapped[datetime | None] = mapped_column(doc="set for the seconds in which its database is exchanged")
    quarantined_at: Mapped[datetime | None] = mapped_column(doc="a migration failed here; fleet migrations pass it by")
    quarantine_reason: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    delete_after: Mapped[datetime | None] = mapped_column(doc="the end of the grace period of a deletion")
    deleted_at: Mapped[datetime | None]
    is_demo: Mapped[bool] = mapped_column(default=False, server_default=sa.false())

    database: Mapped[HospitalDatabase | None] = relationship(back_populates="hospital", lazy="raise_on_sql")

    __table_args__ = (
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'", name="code_is_a_slug"),
        sa.CheckConstraint("max_users > 0 AND max_storage_gb > 0", name="limits_are_positive"),
    )


class HospitalDatabase(Identified, Edited, CentralModel):
    """Where a hospital's database is and how its application role signs in there."""

    __tablename__ = "hospital_databases"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), unique=True)
    cluster_id: Mapped[UUID] = mapped_column(sa.ForeignKey("database_clusters.id"), index=True)
    database_name: Mapped[str]
    login_role: Mapped[str]
    password_ciphertext: Mapped[bytes]
    password_nonce: Mapped[bytes]
    password_key_id: Mapped[str]
    rotated_at: Mapped[datetime]
    replica_ciphertext: Mapped[bytes | None]
    replica_nonce: Mapped[bytes | None]
    replica_key_id: Mapped[str | None]

    hospital: Mapped[Hospital] = relationship(back_populates="database", lazy="raise_on_sql")
    cluster: Mapped[DatabaseCluster] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (sa.UniqueConstraint("cluster_id", "database_name"),)


class HospitalAdministrator(CentralModel):
    """Who is to administer a hospital that is being made; the hash leaves the centre once the hospital has it."""

    __tablename__ = "hospital_administrators"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    username: Mapped[str]
    full_name: Mapped[str]
    email: Mapped[str | None] = mapped_column(doc="where the invitation goes; without it there is a first password")
    password_hash: Mapped[str | None]
    handed_over_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("password_hash IS NULL OR handed_over_at IS NULL", name="hash_until_handed_over"),
    )
