"""Binding a unit of work to one hospital. Requests, jobs, commands and tests come in here; there is no other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import cast

import sqlalchemy as sa
from flask import Flask, current_app

from app.config import Settings
from app.core.budget import ConnectionBudget
from app.core.circuit import Circuit
from app.core.db import db, resolve_with
from app.core.logging import bind_log
from app.tenancy.engines import EngineCache, leave_read_only_server
from app.tenancy.errors import (
    FeatureBehind,
    HospitalAlreadyBound,
    HospitalArchived,
    HospitalBehind,
    HospitalNotReady,
    HospitalPaused,
    HospitalSuspended,
    NoHospitalBound,
    UnknownHospital,
)
from app.tenancy.models import HospitalStatus
from app.tenancy.registry import HospitalEntry, Registry
from app.tenancy.replicas import ReplicaAddress
from app.tenancy.revisions import is_at_least, is_served

_bound: ContextVar[_Binding | None] = ContextVar("bound_hospital", default=None)
_template: ContextVar[sa.Engine | None] = ContextVar("bound_template", default=None)
_copy: ContextVar[sa.Engine | None] = ContextVar("read_copy", default=None)

SERVING = frozenset({HospitalStatus.ACTIVE})


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What tenancy keeps for an application: the registry and the engines."""

    registry: Registry
    engines: EngineCache
    replicas_away: dict[ReplicaAddress, Circuit] = field(default_factory=dict)


class _Binding:
    """A hospital, and the engine that serves it from the first statement of the unit of work to the last.

    Another engine, after the first had to go from the cache, would not see what the unit has written.
    """

    __slots__ = ("engine", "hospital")

    def __init__(self, hospital: HospitalEntry) -> None:
        self.hospital = hospital
        self.engine: sa.Engine | None = None


def init_tenancy(app: Flask, settings: Settings, registry: Registry, budget: ConnectionBudget) -> None:
    """Give an application its registry and engines, and the session its way to hospitals' databases."""
    app.extensions["tenancy"] = Tenancy(registry, EngineCache(settings, budget))
    resolve_with("hospital", _bound_engine)
    with app.app_context():
        sa.event.listen(db.engine, "handle_error", leave_read_only_server)


def tenancy() -> Tenancy:
    """Return the present application's registry and engines."""
    return cast(Tenancy, current_app.extensions["tenancy"])


def find_bound_hospital() -> HospitalEntry | None:
    """Return the hospital that this unit of work is about, or None."""
    binding = _bound.get()
    return None if binding is None else binding.hospital


def bound_hospital() -> HospitalEntry:
    """Return the hospital that this unit of work is about; raises NoHospitalBound."""
    return _present_binding().hospital


def has_revision(revision: str) -> bool:
    """Tell whether the bound hospital has what came with a revision."""
    return is_at_least(bound_hospital().schema_revision, revision)


def needs_revision(revision: str) -> None:
    """Refuse what a hospital that waits for its upgrade does not have yet; raises FeatureBehind."""
    if not has_revision(revision):
        raise FeatureBehind


@contextmanager
def bind_hospital(code: str, *, statuses: frozenset[HospitalStatus] = SERVING) -> Iterator[HospitalEntry]:
    """Bind what happens inside to one hospital.

    Raises UnknownHospital, HospitalSuspended, HospitalPaused, HospitalBehind or HospitalNotReady where it may not be
    served, and HospitalAlreadyBound inside another binding.
    """
    unbind, hospital = enter_hospital(tenancy().registry.get_by_code(code), statuses)
    try:
        yield hospital
    finally:
        try:
            db.session.remove()
        finally:  # a connection that is gone may fail to be given back; the binding ends all the same
            unbind()


def enter_hospital(
    hospital: HospitalEntry, statuses: frozenset[HospitalStatus] = SERVING
) -> tuple[Callable[[], None], HospitalEntry]:
    """Bind until the returned function is called: the hook of requests, whose end is a callback."""
    already = _bound.get()
    if already is not None:
        raise HospitalAlreadyBound(f"{already.hospital.code} is bound; {hospital.code} cannot be bound inside")
    _refuse_unless(hospital, statuses)
    token: Token[_Binding | None] = _bound.set(_Binding(hospital))
    bind_log(hospital=hospital.code)
    return lambda: _bound.reset(token), hospital


def _refuse_unless(hospital: HospitalEntry, statuses: frozenset[HospitalStatus]) -> None:
    if hospital.status in statuses:
        if hospital.paused:
            raise HospitalPaused
        if not is_served(hospital.schema_revision):
            raise HospitalBehind
        return
    if hospital.status is HospitalStatus.SUSPENDED:
        raise HospitalSuspended
    if hospital.status is HospitalStatus.ARCHIVED:
        raise HospitalArchived
    if hospital.status is HospitalStatus.PROVISIONING:
        raise HospitalNotReady
    raise UnknownHospital


@contextmanager
def bind_template(engine: sa.Engine) -> Iterator[None]:
    """Bind what happens inside to a database that is no hospital's: the golden template, while it is filled."""
    if _bound.get() is not None:
        raise HospitalAlreadyBound("a template is filled outside every hospital")
    token = _template.set(engine)
    try:
        yield
    finally:
        try:
            db.session.remove()
        finally:
            _template.reset(token)


def read_from(copy: sa.Engine) -> Callable[[], None]:
    """Send what the bound hospital's database is asked to a copy of it, until the returned function is called."""
    bound_hospital()
    token = _copy.set(copy)
    return lambda: _copy.reset(token)


def _bound_engine() -> sa.Engine:
    elsewhere = _template.get() or _copy.get()
    if elsewhere is not None:
        return elsewhere
    binding = _present_binding()
    if binding.engine is None:
        binding.engine = tenancy().engines.get(binding.hospital)
    return binding.engine


def _present_binding() -> _Binding:
    binding = _bound.get()
    if binding is None:
        raise NoHospitalBound("no hospital is bound: enter bind_hospital(code) first")
    return binding
