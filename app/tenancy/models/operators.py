"""The people who operate the platform. They see how hospitals do, never what hospitals know."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Edited, Identified, Versioned


class OperatorRole(enum.StrEnum):
    SUPER_ADMIN = "super_admin"
    TECHNICIAN = "technician"
    SUPPORT = "support"


class PlatformUser(Identified, Edited, Versioned, CentralModel):
    """An operator."""

    __tablename__ = "platform_users"

    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    email: Mapped[str]
    role: Mapped[OperatorRole]
    password_hash: Mapped[str]
    totp_ciphertext: Mapped[bytes | None]
    totp_nonce: Mapped[bytes | None]
    totp_key_id: Mapped[str | None]
    totp_last_step: Mapped[int | None] = mapped_column(sa.BigInteger)
    failed_sign_ins: Mapped[int] = mapped_column(default=0, server_default="0")
    throttled_until: Mapped[datetime | None]
    locale: Mapped[str] = mapped_column(default="vi", server_default="vi")
    disabled_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    last_sign_in_at: Mapped[datetime | None]


class PlatformPermission(CentralModel):
    """A permission that operators can hold; the code's registry is written here."""

    __tablename__ = "platform_permissions"

    code: Mapped[str] = mapped_column(primary_key=True)


class PlatformUserPermission(CentralModel):
    """A permission that an operator holds."""

    __tablename__ = "platform_user_permissions"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), primary_key=True)
    permission_code: Mapped[str] = mapped_column(
        sa.ForeignKey("platform_permissions.code"), primary_key=True, index=True
    )


class PlatformSession(Identified, CentralModel):
    """A signed-in browser of an operator; only the token's digest is kept."""

    __tablename__ = "platform_sessions"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
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
