"""Taking guards away, one at a time and for as long as a check takes: what an attacker or a slip would do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import g
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList

from app.core import crypto, row_scope
from app.core.db import db
from app.domain.identity import front_door, totp
from app.tenancy import binding, engines
from app.tenancy.binding import tenancy
from app.tenancy.registry import Whereabouts
from app.web import binding as requests
from app.web import guards, principals
from app.web import sessions as cookies
from tests.isolation.asking import Stage
from tests.support.platform import Platform

Removal = Callable[[Stage, Platform], AbstractContextManager[Any]]


@contextmanager
def replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    """Let a module or class have something else under a name."""
    real = place.__dict__[name]
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, real)


@contextmanager
def everywhere(function: Any, value: Any) -> Iterator[None]:
    """Let every module of the application that knows a function know another in its stead."""
    known = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("app.")
        for name, held in list(vars(module).items())
        if held is function
    ]
    assert known
    for module, name in known:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name in known:
            setattr(module, name, function)


@contextmanager
def without_conditions(place: Any, name: str, column: str) -> Iterator[None]:
    """Let a prepared statement forget its conditions on a column."""
    real = place.__dict__[name]
    with replaced(place, name, forgetting(real, column)):
        yield


def forgetting(statement: Any, column: str) -> Any:
    """Return a statement without its conditions on a column."""
    forgetful = statement._generate()
    forgetful._where_criteria = tuple(each for each in statement._where_criteria if not _is_about(each, column))
    return forgetful


def _is_about(condition: Any, column: str) -> bool:
    if isinstance(condition, BooleanClauseList):
        return any(_is_about(part, column) for part in condition.clauses)
    return isinstance(condition, BinaryExpression) and column in {
        getattr(side, "name", None) for side in (condition.left, condition.right)
    }


@contextmanager
def no_owner_conditions(_stage: Stage, _platform: Platform) -> Iterator[None]:
    """Let every query forget to ask whose rows they are."""

    def forget(state: Any) -> None:
        if state.is_select and getattr(state.statement, "_where_criteria", ()):
            state.statement = forgetting(state.statement, "patient_id")

    sa.event.listen(db.session.session_factory, "do_orm_execute", forget)
    try:
        yield
    finally:
        sa.event.remove(db.session.session_factory, "do_orm_execute", forget)


def no_row_security(_stage: Stage | None = None, _platform: Platform | None = None) -> AbstractContextManager[None]:
    """Let patients' transactions run as everybody's."""
    return everywhere(row_scope.current_row_scope, lambda: None)


def no_narrowing(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    return replaced(guards, "narrow_to_own_rows", lambda _principal: None)


@contextmanager
def no_unbinding_of_requests(stage: Stage, _platform: Platform) -> Iterator[None]:
    called = stage.app.teardown_request_funcs[None]
    called.remove(requests._unbind)
    try:
        yield
    finally:
        called.append(requests._unbind)


def no_unbinding_of_units(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    real = binding.enter_hospital
    return replaced(binding, "enter_hospital", lambda *given: ((lambda: None), real(*given)[1]))


def bindings_over_each_other(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    real = binding.enter_hospital

    def enter(*given: Any) -> Any:
        binding._bound.set(None)
        return real(*given)

    return replaced(binding, "enter_hospital", enter)


def guessing_the_hospital(stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    def guess() -> Any:
        return binding._bound.get() or binding._Binding(binding.tenancy().registry.get_by_code("alpha"))

    return replaced(binding, "_present_binding", guess)


def place_of(platform: Platform, code: str) -> Whereabouts:
    """Return where a hospital's database is, with its own credentials."""
    with platform.app.app_context():
        place = tenancy().registry.get_by_code(code).whereabouts
    assert place is not None
    return place


@contextmanager
def open_databases(_stage: Stage, platform: Platform) -> Iterator[None]:
    role = place_of(platform, "alpha").role
    statement = f'ON DATABASE "{platform.databases["beta"]}"'
    with platform.cluster.connect() as connection:
        connection.execute(f'GRANT CONNECT {statement} TO "{role}"')
        try:
            yield
        finally:
            connection.execute(f'REVOKE CONNECT {statement} FROM "{role}"')


def any_hospitals_session(stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    manager = stage.app.login_manager  # type: ignore[attr-defined]

    def load(user_id: str) -> Any:
        token = user_id.rpartition(":")[2]
        return principals._load(f"{g.portal}:{principals._bound_code() or '-'}:{token}")

    return replaced(manager, "_user_callback", load)


def one_signature_for_all_cookies(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    plain = SecureCookieSessionInterface.get_signing_serializer
    return replaced(cookies.PortalSessions, "get_signing_serializer", plain)


def writing_while_reading(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    real = requests.set_read_only
    return replaced(requests, "set_read_only", lambda _read_only: real(False))


@contextmanager
def values_tied_to_nothing(_stage: Stage, _platform: Platform) -> Iterator[None]:
    seal, unseal = crypto.Keyring.seal, crypto.Keyring.open

    def open_anywhere(ring: crypto.Keyring, sealed: crypto.Sealed, context: str) -> str:
        try:
            return unseal(ring, sealed, "")
        except crypto.CannotDecrypt:  # sealed while the guard stood, as passwords of databases are
            return unseal(ring, sealed, context)

    with (
        replaced(crypto.Keyring, "seal", lambda ring, text, _context: seal(ring, text, "")),
        replaced(crypto.Keyring, "open", open_anywhere),
    ):
        yield


def hand_offs_for_ever(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    def look(token: str) -> Any:
        query = sa.select(front_door.PatientSession.patient_user_id).where(
            front_door.PatientSession.handoff_hash == front_door.hash_token(token)
        )
        return db.session.get_one(front_door.PatientUser, db.session.scalars(query).one())

    return replaced(front_door, "_use_up", look)


def errors_that_quote_rows(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    class Unheard(Exception):
        """What no error is."""

    return replaced(engines, "psycopg", SimpleNamespace(**{**vars(psycopg), "Error": Unheard}))


def codes_for_ever(_stage: Stage, _platform: Platform) -> AbstractContextManager[None]:
    def accept(keyring: Any, account: Any, code: str) -> bool:
        return totp.matching_step(keyring.open(totp._sealed(account), totp._context(account)), code) is not None

    return replaced(totp, "accept_code", accept)


def simply(place: Any, name: str, value: Any) -> Removal:
    """Return a removal that puts something harmless in a guard's place."""
    return lambda _stage, _platform: replaced(place, name, value)
