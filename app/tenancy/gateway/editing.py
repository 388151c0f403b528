"""Changing access rules: tried against the editor first, written down with old and new values, counted at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.tenancy.gateway.addresses import Network
from app.tenancy.gateway.floors import refuse_looser
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.store import gateway_store
from app.tenancy.gateway.trying import Editor, try_rules
from app.tenancy.models import AddressAction
from app.tenancy.paging import Page

LONGEST_REASON = 300
LONGEST_DAYS = 3650
MOST_RULES = 20_000
PER_PAGE = 50
RATES = (
    "requests_per_address", "requests_per_person", "sign_ins_per_address", "largest_request_kb", "allow_list_only",
    "cors_origins", "cors_credential_origins", "frame_ancestors", "connect_sources", "image_sources", "hsts_days",
)  # fmt: skip
POLICY = (
    "idle_minutes", "absolute_minutes", "confirm_after_minutes", "second_factor_required", "shortest_password",
    "password_history", "password_days",
)  # fmt: skip


class UnknownRule(NotFound):
    default_message = _l("This rule does not exist any more.")


class StaleRules(StaleVersion):
    """Somebody else has changed the same settings; `theirs` is the row as it stands."""

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs


@dataclass(frozen=True, slots=True)
class NewAddressRule:
    """An address rule as somebody asks for it."""

    network: Network
    action: AddressAction
    reason: str
    portal: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Values for one portal, or for all of an owner's, as they were typed over a version; 0 where there was none."""

    portal: str | None
    version: int
    values: Mapping[str, Any]


def list_address_rules(owner: Owner, *, page: int, portal: str | None = None) -> Page[Any]:
    """Return an owner's address rules, newest first; with a portal those that count there. Expired ones stand last."""
    model = owner.addresses
    chosen = sa.select(model).where(*owner.of(model))
    if portal is not None:
        chosen = chosen.where(sa.or_(model.portal.is_(None), model.portal == portal))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(chosen.subquery())) or 0
    expired = sa.func.coalesce(model.expires_at <= clock.now(), sa.false())
    rows = db.session.scalars(
        chosen.order_by(expired, model.created_at.desc(), model.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    )
    return Page(rows.all(), page, PER_PAGE, total)


def find_rates(owner: Owner, portal: str | None) -> Any | None:
    """Return what an owner says of rates, origins and headers in a portal, or of all its portals; or None."""
    return _find(owner, owner.rules, portal)


def find_policy(owner: Owner, portal: str | None) -> Any | None:
    """Return what an owner says of the accounts of a portal, or of all its portals; or None."""
    return _find(owner, owner.policies, portal)


def add_address_rule(owner: Owner, editor: Editor, wanted: NewAddressRule) -> Any:
    """Let an address or network in, or refuse it; raises InvalidValue, NobodyLeft or WouldLockOut."""
    _check(owner, wanted)
    rule = owner.addresses(
        **owner.place,
        portal=wanted.portal,
        network=wanted.network,
        action=wanted.action,
        reason=wanted.reason.strip(),
        expires_at=wanted.expires_at,
        created_by=editor.actor.id,
        created_by_name=editor.actor.name,
    )
    db.session.add(rule)
    db.session.flush()
    _settle(owner, editor, "gateway.address.add", rule, {name: [None, said] for name, said in _said(rule)})
    return rule


def remove_address_rule(owner: Owner, editor: Editor, rule_id: UUID) -> None:
    """Take an address rule away; raises UnknownRule, NobodyLeft or WouldLockOut."""
    model = owner.addresses
    rule = db.session.scalar(sa.select(model).where(model.id == rule_id, *owner.of(model)).with_for_update())
    if rule is None:
        raise UnknownRule
    said = {name: [value, None] for name, value in _said(rule)}
    db.session.delete(rule)
    _settle(owner, editor, "gateway.address.remove", rule, said)


def save_rates(owner: Owner, editor: Editor, wanted: Settings) -> None:
    """Set rates, sizes, origins and headers; raises StaleRules where somebody else was faster, and like the others."""
    _save(owner, editor, owner.rules, RATES, wanted)


def save_policy(owner: Owner, editor: Editor, wanted: Settings) -> None:
    """Set how people prove who they are and how long they stay; raises like `save_rates`."""
    idle, absolute = wanted.values["idle_minutes"], wanted.values["absolute_minutes"]
    if idle is not None and absolute is not None and idle > absolute:
        raise InvalidValue(_l("Nobody can be idle for longer than the whole session."), field="idle_minutes")
    _save(owner, editor, owner.policies, POLICY, wanted)


def settle(owner: Owner) -> None:
    """Have every process ask for an owner's rules once the present transaction is committed."""
    gateway_store().is_changing(owner.hospital)
    after_commit(lambda: gateway_store().has_changed(owner.hospital))


def _find(owner: Owner, model: Any, portal: str | None) -> Any | None:
    return db.session.scalar(sa.select(model).where(*owner.of(model), model.portal.is_not_distinct_from(portal)))


def _save(owner: Owner, editor: Editor, model: Any, names: tuple[str, ...], wanted: Settings) -> None:
    if wanted.portal not in owner.portals:
        raise UnknownRule
    row = _find(owner, model, wanted.portal)
    if (row.version if row is not None else 0) != wanted.version:
        raise StaleRules(row)
    values = {name: wanted.values[name] for name in names}
    refuse_looser(owner, wanted.portal, values)
    before = {name: getattr(row, name) if row is not None else None for name in names}
    changes = {name: [before[name], value] for name, value in values.items() if before[name] != value}
    if row is None:
        changes = {name: both for name, both in changes.items() if both[1]}
        row = model(**owner.place, portal=wanted.portal, created_by=editor.actor.id)
    if not changes:
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_by, row.updated_by_name = editor.actor.id, editor.actor.name
    try:
        with db.session.begin_nested():
            db.session.add(row)
            db.session.flush()
    except IntegrityError:
        raise StaleRules(_find(owner, model, wanted.portal)) from None
    _settle(owner, editor, "gateway.change", row, changes)


def _settle(owner: Owner, editor: Editor, action: str, row: Any, changes: dict[str, Any]) -> None:
    try_rules(owner, editor)
    said = {"portal": row.portal, **changes}
    owner.record(editor.actor, action, row.__tablename__.removesuffix("s"), row.id, said)
    settle(owner)


def _check(owner: Owner, wanted: NewAddressRule) -> None:
    if wanted.portal not in owner.portals:
        raise UnknownRule
    if not wanted.reason.strip():
        raise InvalidValue(_l("Say why, for whoever finds this rule in a year."), field="reason")
    now = clock.now()
    if wanted.expires_at is not None and not now < wanted.expires_at <= now + timedelta(days=LONGEST_DAYS):
        raise InvalidValue(_l("The rule must end in the future, within ten years."), field="expires_on")
    count = sa.select(sa.func.count()).select_from(owner.addresses).where(*owner.of(owner.addresses))
    if (db.session.scalar(count) or 0) >= MOST_RULES:
        raise InvalidValue(
            _l("There are %(most)s rules already. Take away those that are not needed.", most=MOST_RULES),
            field="network",
        )


def _said(rule: Any) -> list[tuple[str, Any]]:
    expires = rule.expires_at.isoformat() if rule.expires_at else None
    return [
        ("network", str(rule.network)),
        ("action", rule.action.value),
        ("reason", rule.reason),
        ("expires_at", expires),
    ]
