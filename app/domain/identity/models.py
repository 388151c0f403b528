"""Staff with their roles, patients' accounts, and the sessions of both."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.core.permissions import Scope


class Credentials:
    """A password and, where enrolled, a second factor. Argon2id hashes carry their own salt."""

    password_hash: Mapped[str]
    totp_ciphertext: Mapped[bytes | None]
    totp_nonce: Mapped[bytes | None]
    totp_key_id: Mapped[str | None]
    totp_last_step: Mapped[int | None] = mapped_column(sa.BigInteger)
    failed_sign_ins: Mapped[int] = mapped_column(default=0, server_default="0")
    throttled_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    last_sign_in_at: Mapped[datetime | None]


class BrowserSession:
    """A signed-in browser; only the token's digest is kept."""

    token_hash: Mapped[bytes | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]
    proven_at: Mapped[datetime | None] = mapped_column(doc="when the person last showed who they are")
    second_factor: Mapped[str | None] = mapped_column(doc="how it was shown beside the password, where it was")
    device_hash: Mapped[bytes | None]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class StaffUser(Identified, Edited, Versioned, Credentials, HospitalModel):
    """Somebody who works at the hospital."""

    __tablename__ = "staff_users"

    username: Mapped[str]
    full_name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    specialization: Mapped[str | None]
    licence_number: Mapped[str | None] = mapped_column(doc="practice licence (chứng chỉ hành nghề) of clinicians")
    locale: Mapped[str] = mapped_column(default="vi", server_default="vi")
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("uq_staff_users_username", "username", unique=True, postgresql_where=sa.text("deleted_at IS NULL")),
    )


class Role(Identified, Edited, Versioned, HospitalModel):
    """A named set of permissions, the hospital's own to change."""

    __tablename__ = "roles"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    scope: Mapped[Scope] = mapped_column(default=Scope.HOSPITAL, server_default=Scope.HOSPITAL.value)


class StaffPermission(HospitalModel):
    """A permission that roles can carry; the code's registry is written here."""

    __tablename__ = "permissions"

    code: Mapped[str] = mapped_column(primary_key=True)


class RolePermission(HospitalModel):
    """A permission that a role carries."""

    __tablename__ = "role_permissions"

    role_id: Mapped[UUID] = mapped_column(sa.ForeignKey("roles.id"), primary_key=True)
    permission_code: Mapped[str] = mapped_column(sa.ForeignKey("permissions.code"), primary_key=True, index=True)


class StaffRole(HospitalModel):
    """A role that a member of staff has."""

    __tablename__ = "staff_roles"

    staff_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(sa.ForeignKey("roles.id"), primary_key=True, index=True)


class StaffSession(Identified, BrowserSession, HospitalModel):
    """A signed-in browser of a member of staff."""

    __tablename__ = "sessions"

    staff_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    renews: Mapped[bool] = mapped_column(
        default=False, server_default=sa.false(), doc="whether the next page brings a new token: the roles have changed"
    )


class PatientUser(Identified, Edited, Versioned, Credentials, HospitalModel):
    """A patient's account in the patient portal."""

    __tablename__ = "patient_users"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), unique=True)
    locale: Mapped[str] = mapped_column(default="vi", server_default="vi")


class PatientSession(Identified, BrowserSession, HospitalModel):
    """A signed-in browser of a patient; it begins as a single-use hand-off from the front door."""

    __tablename__ = "patient_sessions"

    patient_user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patient_users.id"), index=True)
    handoff_hash: Mapped[bytes | None] = mapped_column(unique=True)
    handoff_expires_at: Mapped[datetime | None]
