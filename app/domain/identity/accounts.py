"""What the accounts of staff, patients and operators have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Account(Protocol):
    """Somebody who can sign in."""

    id: UUID
    password_hash: str
    totp_ciphertext: bytes | None
    totp_nonce: bytes | None
    totp_key_id: str | None
    totp_last_step: int | None
    failed_sign_ins: int
    throttled_until: datetime | None
    disabled_at: datetime | None
