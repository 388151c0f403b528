"""How many sealed values are under which key: a key may be taken out of VIEN_KEYS when nothing needs it any more.

Backups keep the key they were made under and are not encrypted anew; nor can be what an archived hospital holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

from app.core.blobs import file_store
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.sealed import SealedColumn, list_sealed
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.binding import bind_hospital
from app.tenancy.credentials.errors import SomeFailed
from app.tenancy.credentials.rekeying import FILES, REACHED, list_archived, list_codes
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work, first_line
from app.tenancy.models import Backup, BackupState

log = get_logger(__name__)

COUNT_KEYS = "platform.count_keys"
AT_ONCE = 8
BACKUPS = "backups"

Counts = dict[str, Counter[str]]


@dataclass(slots=True)
class KeyUse:
    """Values by column and key id, and the hospitals that could not be asked."""

    counts: Counts = field(default_factory=dict)
    unreached: dict[str, str] = field(default_factory=dict)
    archived: list[str] = field(default_factory=list)

    def by_key(self, active: str, known: tuple[str, ...] = ()) -> dict[str, dict[str, int]]:
        """Return the columns with their counts by key id, the active key first, keys without values too."""
        ids = {key_id for column in self.counts.values() for key_id in column} | {active, *known}
        ordered = sorted(ids, key=lambda key_id: (key_id != active, key_id))
        return {
            key_id: {label: column[key_id] for label, column in sorted(self.counts.items()) if column[key_id]}
            for key_id in ordered
        }


def count_key_use(note: Callable[[int, int, str], None] = lambda _done, _total, _code: None) -> KeyUse:
    """Count every sealed value of the centre and of every hospital, a few hospitals at a time.

    `note` hears how many of how many hospitals are counted, and may raise to stop it.
    """
    use = KeyUse(count_central(), archived=list_archived())
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="keys") as pool:
        codes = list_codes()
        counted = zip(codes, pool.map(lambda code: _count_hospital(app, code), codes), strict=True)
        for number, (code, found) in enumerate(counted, start=1):
            note(number, len(codes), code)
            if isinstance(found, str):
                use.unreached[code] = found
                continue
            for label, column in found.items():
                use.counts.setdefault(label, Counter()).update(column)
    return use


def count_central() -> Counts:
    """Count what the central database holds, and what says its key there: backups."""
    with unit_of_work() as session:
        counts = {column.label: _count(session, column) for column in list_sealed(None)}
        backups = (
            sa.select(Backup.key_id, sa.func.count())
            .where(Backup.key_id.is_not(None), Backup.state == BackupState.COMPLETE)
            .group_by(Backup.key_id)
        )
        counts[BACKUPS] = Counter({str(row[0]): row[1] for row in session.execute(backups)})
    return counts


@operation(COUNT_KEYS, title=_l("Count what is encrypted under which key"), takes_hospital=False)
def count_keys(work: Work) -> dict[str, Any]:
    """Write into the ledger how many values are under which key."""
    use = count_key_use(work.progress)
    if use.unreached:
        raise SomeFailed(len(list_codes()) - len(use.unreached), use.unreached)
    keyring = platform_keyring()
    return {"active": keyring.active_id, "keys": use.by_key(keyring.active_id), "archived": use.archived}


def _count_hospital(app: Flask, code: str) -> Counts | str:
    try:
        with app.app_context(), bind_hospital(code, statuses=REACHED) as hospital:
            with unit_of_work() as session:
                counts = {column.label: _count(session, column) for column in list_sealed("hospital")}
            files = file_store()
            return {**counts, FILES: Counter(files.key_id(hospital.id, one) for one in files.list(hospital.id))}
    except Exception as error:  # whatever is wrong with one hospital, the others are counted
        log.warning("keys not counted", hospital=code, error=type(error).__name__)
        return first_line(error)


def _count(session: Any, column: SealedColumn) -> Counter[str]:
    query = sa.select(column.key_id, sa.func.count()).where(column.ciphertext.is_not(None)).group_by(column.key_id)
    return Counter({str(row[0]): row[1] for row in session.execute(query)})
