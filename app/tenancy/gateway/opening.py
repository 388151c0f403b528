"""Opening the gateway from outside of every portal, for whoever cannot come in any more."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.core.db import db
from app.tenancy.gateway.editing import NewAddressRule, add_address_rule, settle
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.trying import Editor
from app.tenancy.models import AddressAction


def let_in(owner: Owner, editor: Editor, wanted: NewAddressRule) -> int:
    """Let a network into a portal, and take away what refuses exactly it; return how many rules that were."""
    model = owner.addresses
    refusing = db.session.scalars(
        sa.select(model).where(
            *owner.of(model),
            model.network == wanted.network,
            model.action == AddressAction.DENY,
            sa.or_(model.portal.is_(None), model.portal == wanted.portal),
        )
    ).all()
    _remove(owner, editor, refusing)
    add_address_rule(owner, editor, wanted)
    return len(refusing)


def remove_all(owner: Owner, editor: Editor, portal: str | None) -> int:
    """Take away an owner's rules of a portal, or all of them, but not its account policies; return how many."""
    removed = 0
    for model in (owner.addresses, owner.rules):
        chosen = sa.select(model).where(*owner.of(model))
        rows = db.session.scalars(chosen.where(model.portal == portal) if portal else chosen).all()
        _remove(owner, editor, rows)
        removed += len(rows)
    settle(owner)
    return removed


def _remove(owner: Owner, editor: Editor, rows: Any) -> None:
    for row in rows:
        said = {"network": [str(row.network), None]} if hasattr(row, "network") else {"portal": [row.portal, None]}
        owner.record(editor.actor, "gateway.reset", row.__tablename__.removesuffix("s"), row.id, said)
        db.session.delete(row)
    db.session.flush()
