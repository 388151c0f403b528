"""The one SQLAlchemy object, the base classes of both histories, and the session that routes between them.

Every model belongs to a history by its bind key: none for the central database, `hospital` for a hospital's own.
Which engine serves a bind key is answered by a resolver that the layer above registers, so that core knows of no
hospital; where the resolver has no answer it raises, and nothing is ever guessed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, ORMExecuteState, declared_attr, mapped_column
from sqlalchemy.orm import registry as sa_registry
from sqlalchemy.sql import visitors

from app.core import clock
from app.core.access_mode import WriteInReadOnlyUnit, is_read_only
from app.core.ids import new_id
from app.core.row_scope import current_row_scope

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


TYPES: dict[Any, Any] = {
    bool: sa.Boolean,
    bytes: sa.LargeBinary,
    date: sa.Date,
    datetime: sa.DateTime(timezone=True),
    time: sa.Time,
    Decimal: sa.Numeric(14, 2),
    dict[str, Any]: JSONB,
    str: sa.Text,
    UUID: sa.Uuid,
    enum.StrEnum: sa.Enum(
        enum.StrEnum,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda kind: [member.value for member in kind],
    ),
}


class _Declarative(DeclarativeBase):
    registry = sa_registry(metadata=sa.MetaData(naming_convention=NAMING), type_annotation_map=TYPES)


# A statement with this execution option is let through in a request that may only read: the access log, and that a
# session is in use. Nothing else is.
WHILE_READING = {"written_while_reading": True}
AUTOCOMMIT_TWIN = "autocommit_twin"

EngineResolver = Callable[[], sa.Engine]
_resolvers: dict[str | None, EngineResolver] = {}


class CannotRoute(RuntimeError):
    """A statement names no table of a known history, so that no database can be chosen for it."""


class WriteAcrossHistories(RuntimeError):
    """One unit of work tried to write to two databases, which could not commit as one."""


def resolve_with(bind_key: str | None, resolver: EngineResolver) -> None:
    """Register who answers which engine serves a bind key."""
    _resolvers[bind_key] = resolver


def _bind_key_of(mapper: Any, clause: Any) -> str | None:
    table = sa.inspect(mapper).local_table if mapper is not None else None
    tables = [table] if table is not None else _tables_in(clause)
    keys = {entry.metadata.info.get("bind_key") for entry in tables if isinstance(entry, sa.Table)}
    if len(keys) != 1:
        raise CannotRoute(f"cannot choose a database for {clause!r}: it names tables of {sorted(map(str, keys))}")
    return keys.pop()


def _tables_in(clause: Any) -> list[Any]:
    if clause is None:
        return []
    return [node for node in visitors.iterate(clause) if isinstance(node, sa.Table)]


class RoutedSession(FlaskSession):
    """A session that sends each statement to the database of its history."""

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: sa.Engine | sa.Connection | None = None,
        **_unused: Any,
    ) -> sa.Engine | sa.Connection:
        """Return the engine for a mapper or clause; raises CannotRoute, or what the resolver raises."""
        if bind is not None:
            return bind
        key = _bind_key_of(mapper, clause)
        engine = _resolvers[key]() if key in _resolvers else self._db.engine
        if key is not None and current_row_scope() is not None:
            return engine  # a scope stands within a transaction
        return autocommitting(engine) if is_read_only() else engine


def autocommitting(engine: sa.Engine) -> sa.Engine:
    """Return the same engine, over the same pool, without transactions around its statements."""
    twin: sa.Engine | None = engine.__dict__.get(AUTOCOMMIT_TWIN)
    if twin is None:
        # Kept by the engine itself: a twin refers to its engine, and any table of twins would keep both for ever.
        twin = engine.__dict__[AUTOCOMMIT_TWIN] = engine.execution_options(isolation_level="AUTOCOMMIT")
    return twin


db = SQLAlchemy(model_class=_Declarative, session_options={"class_": RoutedSession}, disable_autonaming=True)

if TYPE_CHECKING:
    Model = _Declarative
else:
    Model = db.Model


@sa.event.listens_for(db.session.session_factory, "after_begin")
def _take_on_row_scope(_session: Any, transaction: Any, connection: sa.Connection) -> None:
    """Begin a transaction with a hospital as whoever's rows it may see; a savepoint is within one already."""
    scope = current_row_scope()
    if scope is None or transaction.nested or connection.engine.pool is db.engine.pool:
        return
    connection.exec_driver_sql(
        "SELECT set_config(%s, %s, true), set_config('role', %s, true)", (scope.setting, scope.value, scope.role)
    )


@sa.event.listens_for(db.session.session_factory, "before_flush")
def _refuse_misplaced_writes(session: Any, _context: Any, _instances: Any) -> None:
    changed = [*session.new, *session.dirty, *session.deleted]
    if not changed:
        return
    if is_read_only():
        raise WriteInReadOnlyUnit(f"{type(changed[0]).__name__} changed in a request that may only read")
    _note_written(session, {type(entry).metadata.info.get("bind_key") for entry in changed})


@sa.event.listens_for(db.session.session_factory, "do_orm_execute")
def _refuse_misplaced_statements(state: ORMExecuteState) -> None:
    """Hold statements that write to the same rules as changed objects."""
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    table: Any = state.statement.table  # type: ignore[attr-defined]
    if not is_read_only():
        _note_written(state.session, {table.metadata.info.get("bind_key")})
    elif not state.execution_options.get("written_while_reading"):
        raise WriteInReadOnlyUnit(f"{table.name} changed in a request that may only read")


def _note_written(session: Any, histories: set[str | None]) -> None:
    written = session.info.setdefault("written_histories", set())
    written.update(histories)
    if len(written) > 1:
        raise WriteAcrossHistories("a unit of work writes to the central database or to one hospital, never to both")


@sa.event.listens_for(db.session.session_factory, "after_transaction_end")
def _forget_written_histories(session: Any, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop("written_histories", None)


class CentralModel(Model):
    """A table of the central database."""

    __abstract__ = True


class HospitalModel(Model):
    """A table of a hospital's own database."""

    __abstract__ = True
    __bind_key__ = "hospital"


class Identified:
    """A primary key made by the application: UUID version 7."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class Edited:
    """When and by whom a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now, server_default=sa.func.now())
    created_by: Mapped[UUID | None] = mapped_column(default=None)
    updated_by: Mapped[UUID | None] = mapped_column(default=None)


class Versioned:
    """Optimistic locking: an update of a version that is gone raises StaleDataError."""

    version: Mapped[int] = mapped_column(sa.Integer, default=1, server_default="1")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        return {"version_id_col": cls.version}
