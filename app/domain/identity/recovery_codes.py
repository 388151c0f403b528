"""Recovery codes: ten at a time, each opens once when the second factor is out of reach.

They are look-up secrets of 60 bits, kept as Argon2id hashes with a salt per account (NIST SP 800-63B, 5.1.2;
ASVS 5.0, 6.5.1 and 6.5.2), and are shown to their owner only when they are made.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

import sqlalchemy as sa
from argon2.low_level import Type, hash_secret_raw

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.identity.accounts import Account
from app.domain.identity.browsers import portal_of
from app.domain.identity.owners import owned_by, owner_of
from app.domain.identity.proofs import RecoveryCode
from app.tenancy.models.proofs import PlatformRecoveryCode

COUNT = 10
FEW = 3
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 signs, none of which is easily taken for another
LENGTH, GROUP = 12, 4
COST = {"time_cost": 3, "memory_cost": 65_536, "parallelism": 4}  # RFC 9106's low-memory profile; kept for good


def renew_codes(account: Account) -> list[str]:
    """Make ten new codes and return them, this once; the ones before are no longer good."""
    spend_codes(account)
    codes = [_new_code() for _ in range(COUNT)]
    now, model = clock.now(), _model(account)
    rows = [
        {"id": new_id(), **owner_of(account), "code_hash": _digest(account, code), "created_at": now} for code in codes
    ]
    db.session.execute(sa.insert(model), rows)
    return ["-".join(code[at : at + GROUP] for at in range(0, LENGTH, GROUP)) for code in codes]


def use_code(account: Account, typed: str) -> bool:
    """Tell whether a code is one of the account's that was not used; use it up, though two send it at once."""
    code = "".join(sign for sign in typed.upper() if sign.isalnum())
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        return False
    model, digest = _model(account), _digest(account, code)
    query = sa.select(model.id, model.code_hash).where(owned_by(model, account), model.used_at.is_(None))
    fitting = [row.id for row in db.session.execute(query) if hmac.compare_digest(row.code_hash, digest)]
    if not fitting:
        return False
    used = (
        sa.update(model)
        .where(model.id == fitting[0], model.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(model.id)
    )
    return db.session.scalar(used) is not None


def count_codes(account: Account) -> int:
    """Return how many codes are still good."""
    model = _model(account)
    query = sa.select(sa.func.count(model.id)).where(owned_by(model, account), model.used_at.is_(None))
    return db.session.scalar(query) or 0


def spend_codes(account: Account) -> None:
    """Let no code of the account be good any longer."""
    model = _model(account)
    query = sa.update(model).where(owned_by(model, account), model.used_at.is_(None))
    db.session.execute(query.values(used_at=clock.now()))


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _digest(account: Account, code: str) -> bytes:
    return hash_secret_raw(code.encode(), account.id.bytes, **COST, hash_len=32, type=Type.ID)


def _model(account: Account) -> Any:
    return PlatformRecoveryCode if portal_of(account) == "admin" else RecoveryCode
