"""How long records are kept, and purging what is past its time: a job proposes with counts, a person confirms them.

The database deletes, in batches, and never anything of a patient under a legal hold. What was purged is certified with
the platform's signature, like a deletion. A hospital may keep longer than the source asks, never shorter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, system_actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.queue import enqueue
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.privacy.models import PurgeState, RetentionPurge, RetentionRule
from app.tenancy.binding import bound_hospital
from app.tenancy.ending import signing

JOB = "perform_purges"
BATCH = 500
VERSION = 1
TO_THE_HOSPITAL: dict[str, Any] = {"mapper": RetentionRule}
OPEN = (PurgeState.PROPOSED, PurgeState.CONFIRMED)


class NothingExpired(Conflict):
    default_message = _l("Nothing is past its time under this rule, or a purge waits already.")


def list_rules() -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return the rules with what is past its time now: code, months, least_months, source, version, rows, patients."""
    rule = RetentionRule
    expired = _expired(rule.code, _cut_off(rule.months)).alias("expired")
    counted = sa.select(
        sa.func.count().label("rows"), sa.func.count(sa.distinct(expired.c.patient_id)).label("patients")
    ).select_from(expired)
    lateral = counted.lateral("counted")
    query = (
        sa.select(
            rule.id,
            rule.code,
            rule.months,
            rule.least_months,
            rule.source,
            rule.version,
            lateral.c.rows,
            lateral.c.patients,
        )
        .join(lateral, sa.true())
        .where(rule.is_active)
        .order_by(rule.least_months.desc(), rule.code)
    )
    return db.session.execute(query).all()


def set_months(actor: Actor, code: str, version: int, months: int) -> None:
    """Say how long one kind is kept; raises NotFound, StaleVersion, or InvalidValue below what the source asks."""
    rule = _get_rule(code, version)
    if not max(rule.least_months, 1) <= months <= 1200:
        raise InvalidValue(
            _l("At least %(least)d months, at most 1200.", least=max(rule.least_months, 1)), field="months"
        )
    before, rule.months, rule.updated_by = rule.months, months, actor.id
    db.session.flush()
    changes = {"months": [before, months], "rule": code}
    record_change(actor, "retention.change", subject_type="retention_rule", subject_id=rule.id, changes=changes)


def propose_purge(actor: Actor, code: str) -> RetentionPurge:
    """Write down what would be purged now; nothing is deleted. Raises NotFound or NothingExpired."""
    rule = _get_rule(code, None)
    cut_off = db.session.scalar(sa.select(_cut_off(rule.months)), bind_arguments=TO_THE_HOSPITAL)
    expired = _expired(sa.literal(code), sa.literal(cut_off)).alias("expired")
    counted = db.session.execute(
        sa.select(sa.func.count(), sa.func.count(sa.distinct(expired.c.patient_id))).select_from(expired),
        bind_arguments=TO_THE_HOSPITAL,
    ).one()
    if not counted[0]:
        raise NothingExpired
    row = RetentionPurge(rule_id=rule.id, cut_off=cut_off, counts={"rows": counted[0], "patients": counted[1]})
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        raise NothingExpired from None
    _record(actor, "propose", row, code)
    return row


def decide_purge(actor: Actor, purge_id: UUID, version: int, *, rows: int | None) -> None:
    """Confirm a purge by its number of rows, or dismiss it (None); raises NotFound, StaleVersion or InvalidValue."""
    query = sa.select(RetentionPurge).where(RetentionPurge.id == purge_id).with_for_update()
    row = db.session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    if row.version != version or row.state is not PurgeState.PROPOSED:
        raise StaleVersion
    if rows is not None and rows != row.counts["rows"]:
        raise InvalidValue(_l("Type the number of rows that will be deleted."), field="rows")
    row.state = PurgeState.DISMISSED if rows is None else PurgeState.CONFIRMED
    row.decided_at, row.decided_by, row.decided_by_name = clock.now(), actor.id, actor.name
    db.session.flush()
    _record(actor, "dismiss" if rows is None else "confirm", row, None)
    if rows is not None:
        code = bound_hospital().code
        after_commit(lambda: enqueue(JOB, hospital=code))


def list_purges(limit: int = 50) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return purges with the code of their rule, those that wait first."""
    query = (
        sa.select(RetentionPurge, RetentionRule.code)
        .join(RetentionRule, RetentionRule.id == RetentionPurge.rule_id)
        .order_by((RetentionPurge.state == PurgeState.PROPOSED).desc(), RetentionPurge.proposed_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def get_certificate(purge_id: UUID) -> dict[str, Any]:
    """Return the certificate of a purge as it is handed out; raises NotFound."""
    row = db.session.get(RetentionPurge, purge_id)
    if row is None or row.certificate is None:
        raise NotFound
    return {"document": row.certificate, "signature": row.signature, "algorithm": "Ed25519"}


def have_purges_due() -> bool:
    """Where a confirmed purge is to be performed."""
    due = sa.select(RetentionPurge.id).where(RetentionPurge.state == PurgeState.CONFIRMED)
    return bool(db.session.scalar(sa.select(due.exists())))


def perform_due_purges(batch: int = BATCH) -> int:
    """Perform what was confirmed, in batches of units of their own; what dies half-way goes on where it was."""
    with unit_of_work() as session:
        waiting = session.scalars(sa.select(RetentionPurge.id).where(RetentionPurge.state == PurgeState.CONFIRMED))
        ids = list(waiting)
    for purge_id in ids:
        while _purge_batch(purge_id, batch):
            pass
    return len(ids)


def propose_expired(actor: Actor) -> int:
    """Propose a purge for each rule under which something is past its time; return how many."""
    proposed = 0
    for rule in list_rules():
        if rule.rows:
            try:
                propose_purge(actor, rule.code)
            except NothingExpired:
                continue
            proposed += 1
    return proposed


def _purge_batch(purge_id: UUID, batch: int) -> bool:
    """Delete the next rows and count them; at the end certify. False when the purge is over."""
    with unit_of_work() as session:
        row = session.get_one(RetentionPurge, purge_id, with_for_update=True, populate_existing=True)
        if row.state is not PurgeState.CONFIRMED:
            return False
        done = session.scalar(sa.select(sa.func.vien_purge_expired(purge_id, batch)), bind_arguments=TO_THE_HOSPITAL)
        if not done:
            _certify(row)
            return False
        purged = Counter(row.counts.get("purged", {}))
        purged.update(done)
        purged.update(purged_besides())
        row.counts = {**row.counts, "purged": dict(purged)}
        return True


def purged_besides() -> dict[str, int]:
    """Return how many rows of each table went with what was purged in this unit of work, as triggers counted them."""
    said = db.session.scalar(sa.select(sa.func.current_setting("vien.purged", True)), bind_arguments=TO_THE_HOSPITAL)
    counted: dict[str, int] = json.loads(said) if said else {}
    return counted


def _certify(row: RetentionPurge) -> None:
    rule, hospital, now = db.session.get_one(RetentionRule, row.rule_id), bound_hospital(), clock.now()
    document = {
        "version": VERSION,
        "kind": "retention purge",
        "public_key": signing.public_key(),
        "hospital": {"id": str(hospital.id), "code": hospital.code},
        "purge": str(row.id),
        "rule": {"code": rule.code, "months": rule.months, "source": rule.source},
        "cut_off": row.cut_off.isoformat(timespec="seconds"),
        "confirmed": {"by": row.decided_by_name, "at": str(row.decided_at)},
        "performed_at": now.isoformat(timespec="seconds"),
        "deleted_rows": row.counts.get("purged", {}),
        "not_touched": "rows of patients under a legal hold",
    }
    row.certificate, row.signature = document, signing.sign(document)
    row.state, row.performed_at = PurgeState.PERFORMED, now
    _record(system_actor("retention"), "perform", row, rule.code)


def _get_rule(code: str, version: int | None) -> RetentionRule:
    rule = db.session.scalar(sa.select(RetentionRule).where(RetentionRule.code == code).with_for_update())
    if rule is None:
        raise NotFound
    if version is not None and rule.version != version:
        raise StaleVersion
    return rule


def _expired(code: Any, cut_off: Any) -> sa.TableValuedAlias:
    return sa.func.vien_list_expired(code, cut_off).table_valued("id", "patient_id")


def _cut_off(months: Any) -> Any:
    now = sa.literal(clock.now(), sa.DateTime(timezone=True))
    return sa.type_coerce(now - sa.func.make_interval(0, months, type_=sa.Interval()), sa.DateTime(timezone=True))


def _record(actor: Actor, act: str, row: RetentionPurge, code: str | None) -> None:
    db.session.flush()
    record_change(
        actor,
        f"retention.{act}",
        subject_type="retention_purge",
        subject_id=row.id,
        changes={"counts": row.counts} | ({"rule": code} if code else {}),
    )
