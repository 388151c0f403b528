"""Writing down what happened: one statement for the audit row and the outbox event, one row for a read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import clock
from app.core.access_mode import is_read_only
from app.core.actor import Actor
from app.core.db import db
from app.core.ids import new_id
from app.core.row_scope import current_row_scope
from app.domain.audit.models import AccessEntry, AuditEntry, OutboxEvent
from app.tenancy.waking import wake_relay_after_commit

# Statements that never change are made once; of the tables, not of the models: a row needs none of the ORM's machinery.
_AUDIT_TABLE = cast(sa.Table, AuditEntry.__table__)
_ACCESS_TABLE = cast(sa.Table, AccessEntry.__table__)
_OUTBOX_TABLE = cast(sa.Table, OutboxEvent.__table__)
_WHO = (
    "id", "at", "actor_kind", "actor_id", "actor_name", "action", "subject_type", "subject_id", "address",
    "request_id", "basis", "grant_id",
)  # fmt: skip
_EVENT = ("id", "kind", "subject_type", "subject_id", "payload", "created_at")


def _insert(table: sa.Table, names: Iterable[str], prefix: str = "") -> sa.Insert:
    columns = {name: table.c[name] for name in names}
    return sa.insert(table).values({n: sa.bindparam(prefix + n, type_=c.type) for n, c in columns.items()})


_ACCESS = _insert(_ACCESS_TABLE, (*_WHO, "patient_ids"), "a_")
_CHANGE = _insert(_AUDIT_TABLE, (*_WHO, "patient_id", "changes"), "a_")
_CHANGE_WITH_EVENT = _insert(_OUTBOX_TABLE, _EVENT, "e_").add_cte(_CHANGE.cte("audit"))
_ACCESS_SQL = (
    f"INSERT INTO access_log ({', '.join(_WHO)}, patient_ids)"  # noqa: S608 # nosec B608
    f" VALUES ({', '.join(f'%(a_{name})s' for name in _WHO)}, %(a_patient_ids)s::uuid[])"
)
_TO_THE_HOSPITAL: dict[str, Any] = {"mapper": AuditEntry}
_LOOKS = "looks_to_keep"


def record_change(
    actor: Actor,
    action: str,
    *,
    subject_type: str,
    subject_id: UUID,
    patient_id: UUID | None = None,
    changes: dict[str, Any] | None = None,
    event: dict[str, Any] | None = None,
    session: Session | None = None,
) -> None:
    """Write an audit row, and with `event` an outbox event of the same name, in the present transaction.

    `changes` names fields and ids, never clinical values. Both rows go in one statement: neither exists without the
    other, and it costs one round trip.
    """
    values = _who(actor, action, subject_type, subject_id) | {"a_patient_id": patient_id, "a_changes": changes or {}}
    unit = session or db.session()
    if event is None:
        _write_change(unit, _CHANGE, values)
        return
    values |= {
        "e_id": new_id(),
        "e_kind": action,
        "e_subject_type": subject_type,
        "e_subject_id": subject_id,
        "e_payload": event,
        "e_created_at": values["a_at"],
    }
    _write_change(unit, _CHANGE_WITH_EVENT, values)
    wake_relay_after_commit(unit)


def _write_change(unit: Session, statement: sa.Insert, values: dict[str, Any]) -> None:
    unit.execute(statement, values, bind_arguments=_TO_THE_HOSPITAL)


def record_access(
    actor: Actor, action: str, *, subject_type: str, subject_id: UUID | None, patient_ids: Iterable[UUID]
) -> None:
    """Write down that somebody saw data of these patients; an empty page is nobody's and leaves no row."""
    seen = list(dict.fromkeys(patient_ids))
    if seen:
        _write_access(_who(actor, action, subject_type, subject_id) | {"a_patient_ids": seen})


def record_log_access(actor: Actor, action: str, *, patient_ids: Iterable[UUID] = ()) -> None:
    """Write down that somebody read the logs themselves, also where they named no patient."""
    _write_access(_who(actor, action, "log", None) | {"a_patient_ids": list(dict.fromkeys(patient_ids))})


def _write_access(values: dict[str, Any]) -> None:
    """Write a row of the access log; as plain SQL in requests that only read, where it is written with every page.

    SQLAlchemy takes twice as long to find its own compiled statement again as this takes altogether.
    """
    unit = db.session()
    if not is_read_only() or current_row_scope() is not None:
        unit.info.setdefault(_LOOKS, []).append(values)
    _insert_look(values)


def keep_looks() -> None:
    """Write down again, after a rollback, what was looked at before it: the answer still shows it to somebody."""
    looks: list[dict[str, Any]] = db.session().info.pop(_LOOKS, [])
    for values in looks:
        _insert_look(values)
    if looks:
        db.session.commit()


@sa.event.listens_for(db.session.session_factory, "after_commit")
def _forget_looks(session: Session) -> None:
    """What is committed is kept; a released savepoint tells of itself here, too, and keeps nothing yet."""
    if not session.in_nested_transaction():
        session.info.pop(_LOOKS, None)


def _insert_look(values: dict[str, Any]) -> None:
    if is_read_only():
        connection = db.session.connection(bind_arguments=_TO_THE_HOSPITAL)
        connection.exec_driver_sql(_ACCESS_SQL, values)
    else:
        db.session.execute(_ACCESS, values, bind_arguments=_TO_THE_HOSPITAL)


def _who(actor: Actor, action: str, subject_type: str, subject_id: UUID | None) -> dict[str, Any]:
    return {
        "a_id": new_id(),
        "a_at": clock.now(),
        "a_actor_kind": actor.kind.value,
        "a_actor_id": actor.id,
        "a_actor_name": actor.name,
        "a_action": action,
        "a_subject_type": subject_type,
        "a_subject_id": subject_id,
        "a_address": actor.address,
        "a_request_id": actor.request_id,
        "a_basis": actor.basis.value if actor.basis else None,
        "a_grant_id": actor.grant_id,
    }
