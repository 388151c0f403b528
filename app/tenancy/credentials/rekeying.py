"""Encrypting everything sealed anew under the active key: value by value in memory, never in clear on any disk.

A value that somebody changed meanwhile is left as it is now. What was done before is not done again, because only
values under other keys are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.blobs import file_store
from app.core.crypto import CannotDecrypt, Keyring, Sealed
from app.core.db import db
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.sealed import SealedColumn, list_sealed
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.credentials.errors import SomeFailed, Unreadable
from app.tenancy.credentials.rotation import WITH_DATABASE
from app.tenancy.ledger.errors import OperationCancelled
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work, first_line
from app.tenancy.models import Hospital, HospitalDatabase, HospitalStatus

log = get_logger(__name__)

REKEY = "platform.rekey"
BATCH = 500
CENTRE = "centre"
FILES = "files"
REACHED = frozenset(WITH_DATABASE)


@dataclass(slots=True)
class Tally:
    """How many values were encrypted anew, were changed by others meanwhile, or could not be opened."""

    done: dict[str, int] = field(default_factory=dict)
    overtaken: int = 0
    unreadable: int = 0

    def add(self, column: SealedColumn, done: int, tried: int) -> None:
        """Count one batch."""
        self.done[column.label] = self.done.get(column.label, 0) + done
        self.overtaken += tried - done


@operation(REKEY, title=_l("Encrypt everything anew under the active key"), takes_hospital=False)
def rekey(work: Work) -> dict[str, Any]:
    """Bring every sealed value under the active key; what cannot be reached or read is left for another try."""
    keyring, tally = platform_keyring(), Tally()
    places = [CENTRE, *list_codes()]
    failed: dict[str, str] = {}
    for done, place in enumerate(places):
        work.progress(done, len(places), place)
        try:
            rekey_place(place, keyring, tally, work.check)
        except OperationCancelled:
            raise
        except Exception as error:
            log.error("values not encrypted anew", place=place, error=type(error).__name__)
            failed[place] = first_line(error)
    work.progress(len(places), len(places))
    tenancy().registry.forget()
    if failed:
        raise SomeFailed(len(places) - len(failed), failed)
    return {
        "key": keyring.active_id,
        **tally.done,
        "overtaken": tally.overtaken,
        "hospitals": len(places) - 1,
        **({"archived": archived} if (archived := list_archived()) else {}),
    }


def list_archived() -> list[str]:
    """Return the hospitals whose databases are closed: their values stay under the keys they are under."""
    return list_codes((HospitalStatus.ARCHIVED,))


def list_codes(statuses: Sequence[HospitalStatus] = WITH_DATABASE) -> list[str]:
    """Return the codes of the hospitals that have a database to which their role can connect."""
    query = sa.select(Hospital.code).join(HospitalDatabase).where(Hospital.status.in_(statuses))
    with db.engine.connect() as connection:
        return list(connection.scalars(query.order_by(Hospital.code)))


def rekey_place(place: str, keyring: Keyring, tally: Tally, check: Callable[[], None]) -> None:
    """Bring the centre's or one hospital's sealed values under the active key; raises Unreadable at its end."""
    before = tally.unreadable
    centre = place == CENTRE
    bound: AbstractContextManager[Any] = nullcontext() if centre else bind_hospital(place, statuses=REACHED)
    with bound as hospital:
        for column in list_sealed(None if centre else "hospital"):
            rekey_column(column, keyring, tally, check)
        if hospital is not None:
            rekey_files(hospital.id, tally, check)
    if tally.unreadable > before:
        raise Unreadable(tally.unreadable - before)


def rekey_files(hospital_id: UUID, tally: Tally, check: Callable[[], None]) -> None:
    """Bring a hospital's files under the active key, each piece by piece from the store into the store."""
    files = file_store()
    for digest in files.list(hospital_id):
        check()
        try:
            if files.renew(hospital_id, digest):
                tally.done[FILES] = tally.done.get(FILES, 0) + 1
        except CannotDecrypt:
            tally.unreadable += 1
            log.error("a file cannot be opened", digest=digest)


def rekey_column(column: SealedColumn, keyring: Keyring, tally: Tally, check: Callable[[], None]) -> None:
    """Bring one column of the present database under the active key, a batch a transaction."""
    key = tuple(column.table.primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        check()
        with unit_of_work() as session:
            rows = session.execute(_next_rows(column, keyring.active_id, key, last)).all()
            if not rows:
                return
            fresh = [(row, sealed) for row in rows if (sealed := _reseal(column, keyring, row, tally)) is not None]
            tally.add(column, _replace(session, column, key, fresh), len(fresh))
        last = tuple(rows[-1]._mapping[part] for part in key)


def _next_rows(
    column: SealedColumn, active: str, key: tuple[sa.Column[Any], ...], last: tuple[Any, ...] | None
) -> sa.Select[Any]:
    query = sa.select(column.table).where(column.ciphertext.is_not(None), column.key_id != active)
    if last is not None:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*(sa.literal(value) for value in last)))
    return query.order_by(*key).limit(BATCH)


def _reseal(column: SealedColumn, keyring: Keyring, row: Any, tally: Tally) -> Sealed | None:
    facts = row._mapping
    sealed = Sealed(facts[column.ciphertext], facts[column.nonce], facts[column.key_id])
    context = column.context(row)
    try:
        return keyring.seal(keyring.open(sealed, context), context)
    except CannotDecrypt:
        tally.unreadable += 1
        log.error("a sealed value cannot be opened", column=column.label, key_id=sealed.key_id)
        return None


def _replace(
    session: Any, column: SealedColumn, key: tuple[sa.Column[Any], ...], fresh: list[tuple[Any, Sealed]]
) -> int:
    """Put new ciphertexts where the old ones still are; return how many: the others were changed meanwhile."""
    if not fresh:
        return 0
    names = ("ciphertext", "nonce", "key_id")
    new = sa.values(
        *(sa.column(part.name, part.type) for part in key),
        sa.column("old", column.ciphertext.type),
        *(sa.column(name, getattr(column, name).type) for name in names),
        name="new",
    ).data(
        [
            (
                *(row._mapping[part] for part in key),
                row._mapping[column.ciphertext],
                *(getattr(sealed, n) for n in names),
            )
            for row, sealed in fresh
        ]
    )
    same = (*(part == new.c[part.name] for part in key), column.ciphertext == new.c.old)
    changed = session.execute(
        sa.update(column.table).where(*same).values({getattr(column, name): new.c[name] for name in names})
    )
    return int(changed.rowcount)
