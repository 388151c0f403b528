"""What operators prove themselves with beside the password, and how they come by a password.

The columns are shared with the hospitals' tables of the same kind, which belong to staff or to patients.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Identified


class FormerPasswordColumns:
    """The hash of a password that somebody had, so that it is not chosen again."""

    password_hash: Mapped[str]
    created_at: Mapped[datetime]


class RecoveryCodeColumns:
    """A code that stands in for the second factor once; only its digest is kept."""

    code_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasskeyColumns:
    """A passkey (WebAuthn): the public half, which is worth nothing to whoever steals it."""

    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    transports: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list, server_default=sa.text("'{}'"))
    name: Mapped[str]
    backed_up: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class WayInColumns:
    """A way in for whoever holds its token, once and for a while; only the token's digest is kept."""

    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PlatformFormerPassword(Identified, FormerPasswordColumns, CentralModel):
    """A password that an operator had."""

    __tablename__ = "platform_password_history"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)


class PlatformRecoveryCode(Identified, RecoveryCodeColumns, CentralModel):
    """A recovery code of an operator."""

    __tablename__ = "platform_recovery_codes"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)


class PlatformPasskey(Identified, PasskeyColumns, CentralModel):
    """A passkey of an operator."""

    __tablename__ = "platform_passkeys"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)


class PlatformPasswordReset(Identified, WayInColumns, CentralModel):
    """A link with which an operator who forgot the password chooses a new one."""

    __tablename__ = "platform_password_resets"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)


class PlatformInvitation(Identified, WayInColumns, CentralModel):
    """A link with which a new operator chooses the first password."""

    __tablename__ = "platform_invitations"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)
    created_by: Mapped[UUID | None]
