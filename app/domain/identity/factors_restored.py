"""Second factors across a restore: what was lost, replaced or used since the backup opens nothing again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.proofs import Passkey, RecoveryCode

ACCOUNTS = (StaffUser, PatientUser)
APP = ("totp_ciphertext", "totp_nonce", "totp_key_id", "totp_last_step")


@dataclass(frozen=True, slots=True)
class PresentFactors:
    """The authenticator apps as they are, sealed as they are; which passkeys were removed and which codes used."""

    apps: dict[str, dict[UUID, dict[str, Any]]] = field(default_factory=dict)
    removed: list[UUID] = field(default_factory=list)
    used: list[UUID] = field(default_factory=list)


def read_factors() -> PresentFactors:
    """Return the second factors of the database that is to be left."""
    apps = {}
    for model in ACCOUNTS:
        columns = [getattr(model, name) for name in APP]
        rows = db.session.execute(sa.select(model.id, *columns).where(model.totp_ciphertext.is_not(None)))
        apps[model.__tablename__] = {row.id: dict(zip(APP, row[1:], strict=True)) for row in rows}
    return PresentFactors(
        apps,
        _ids(Passkey, sa.select(Passkey.id).where(Passkey.removed_at.is_not(None))),
        _ids(RecoveryCode, sa.select(RecoveryCode.id).where(RecoveryCode.used_at.is_not(None))),
    )


def keep_factors(present: PresentFactors) -> dict[str, int]:
    """Have accounts the authenticator apps that they had before the restore; what was removed or used stays so."""
    changed = sum(_keep_apps(model, present.apps.get(model.__tablename__, {})) for model in ACCOUNTS)
    now = clock.now()
    if present.removed:
        query = sa.update(Passkey).where(Passkey.id.in_(present.removed), Passkey.removed_at.is_(None))
        changed += _count(query.values(removed_at=now).returning(Passkey.id))
    if present.used:
        codes = sa.update(RecoveryCode).where(RecoveryCode.id.in_(present.used), RecoveryCode.used_at.is_(None))
        changed += _count(codes.values(used_at=now).returning(RecoveryCode.id))
    return {"second_factors_kept": changed}


def _keep_apps(model: Any, apps: dict[UUID, dict[str, Any]]) -> int:
    """Give each account its present app; one that has none now, has none again, and sets one up."""
    changed = 0
    columns = [getattr(model, name) for name in APP]
    for row in db.session.execute(sa.select(model.id, *columns).where(model.totp_ciphertext.is_not(None))).all():
        wanted = apps.get(row.id, dict.fromkeys(APP))
        if dict(zip(APP, row[1:], strict=True)) != wanted:
            db.session.execute(sa.update(model).where(model.id == row.id).values(**wanted))
            changed += 1
    without = sa.select(model.id).where(model.id.in_(apps), model.totp_ciphertext.is_(None))
    for account_id in db.session.scalars(without).all():
        db.session.execute(sa.update(model).where(model.id == account_id).values(**apps[account_id]))
        changed += 1
    return changed


def _ids(model: Any, query: sa.Select[Any]) -> list[UUID]:
    """Return what a query finds; nothing where an earlier release made the database and its table is not there."""
    there = sa.select(sa.func.to_regclass(model.__tablename__))
    if db.session.scalar(there, bind_arguments={"mapper": model}) is None:
        return []
    found: Sequence[Any] = db.session.scalars(query).all()
    return list(found)


def _count(statement: Any) -> int:
    return len(db.session.execute(statement).all())
