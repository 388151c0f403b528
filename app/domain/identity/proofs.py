"""What staff and patients prove themselves with beside the password, and how they come by a new password.

Each row belongs to one account: of a member of staff or of a patient.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import HospitalModel, Identified
from app.tenancy.models.proofs import FormerPasswordColumns, PasskeyColumns, RecoveryCodeColumns, WayInColumns

ONE_OWNER = "num_nonnulls(staff_id, patient_user_id) = 1"


class OfOneAccount:
    """Belongs to a member of staff or to a patient's account, never to both or neither."""

    staff_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    patient_user_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("patient_users.id"), index=True)


class FormerPassword(Identified, OfOneAccount, FormerPasswordColumns, HospitalModel):
    """A password that somebody had."""

    __tablename__ = "password_history"
    __table_args__ = (sa.CheckConstraint(ONE_OWNER, name="one_owner"),)


class RecoveryCode(Identified, OfOneAccount, RecoveryCodeColumns, HospitalModel):
    """A recovery code."""

    __tablename__ = "recovery_codes"
    __table_args__ = (sa.CheckConstraint(ONE_OWNER, name="one_owner"),)


class Passkey(Identified, OfOneAccount, PasskeyColumns, HospitalModel):
    """A passkey."""

    __tablename__ = "passkeys"
    __table_args__ = (sa.CheckConstraint(ONE_OWNER, name="one_owner"),)


class PasswordReset(Identified, OfOneAccount, WayInColumns, HospitalModel):
    """A link with which somebody who forgot the password chooses a new one."""

    __tablename__ = "password_resets"
    __table_args__ = (sa.CheckConstraint(ONE_OWNER, name="one_owner"),)


class Invitation(Identified, OfOneAccount, WayInColumns, HospitalModel):
    """A way in for somebody new, by e-mail or on paper, with which they choose the first password."""

    __tablename__ = "invitations"
    __table_args__ = (sa.CheckConstraint(ONE_OWNER, name="one_owner"),)

    created_by: Mapped[UUID | None]
    on_paper: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
