"""Who is behind and in which order they are upgraded: asked of the register alone, without a hospital's database."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.tenancy.models import Hospital, HospitalDatabase, HospitalStatus
from app.tenancy.revisions import number_of
from app.tenancy.schema import head_revision
from app.tenancy.upgrading.scripts import check_target, list_revisions

MIGRATED = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)
SIZE = re.compile(r"(\d{1,6})\s*(%?)")
MOST_PARALLEL = 32


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """What an operator wants of a fleet migration.

    `canary` hospitals go first, those named or that many, demo hospitals before others; none of them may fail. `waves`
    are the sizes of what follows, as numbers or per cent of all; what is left is the last wave. When more than `budget`
    hospitals have failed nothing new is begun. `tries` is how often a hospital that is busy or locked is tried.
    """

    to: str = ""
    canary: tuple[str, ...] = ()
    canary_count: int = 1
    waves: tuple[str, ...] = ("5%", "25%")
    budget: str = "5%"
    parallel: int = 4
    lock_timeout_ms: int = 500
    statement_timeout_ms: int = 600_000
    tries: int = 5
    only: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    backup_first: bool = False

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> FleetRequest:
        """Return what an operation's arguments say."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in arguments.items()
            if name in cls.__dataclass_fields__
        }
        return cls(**known)

    def as_arguments(self) -> dict[str, Any]:
        """Return it as an operation's arguments."""
        return asdict(self)

    def checked(self) -> FleetRequest:
        """Return it with the target named; raises InvalidValue or UnknownRevision."""
        for field, size in [("budget", self.budget), *(("waves", wave) for wave in self.waves)]:
            if not SIZE.fullmatch(size):
                raise InvalidValue(_l("Give a number of hospitals, or per cent such as 5%."), field=field)
        if not 1 <= self.parallel <= MOST_PARALLEL:
            message = _l("Choose between 1 and %(most)d at the same time.", most=MOST_PARALLEL)
            raise InvalidValue(message, field="parallel")
        if self.lock_timeout_ms < 1 or self.statement_timeout_ms < 1 or self.tries < 1 or self.canary_count < 0:
            raise InvalidValue(_l("Time limits and tries must be at least 1."), field="tries")
        to = check_target(self.to or head_revision("hospital"))
        return FleetRequest(**(asdict(self) | {"to": to}))


@dataclass(frozen=True, slots=True)
class Planned:
    """One hospital in a plan."""

    hospital_id: UUID
    code: str
    revision: str | None
    wave: int


def how_many(size: str, of: int) -> int:
    """Return what a size means: `7` is seven, `5%` is five per cent rounded up; raises InvalidValue."""
    found = SIZE.fullmatch(size)
    if found is None:
        raise InvalidValue(_l("Give a number of hospitals, or per cent such as 5%."))
    number = int(found.group(1))
    return math.ceil(of * number / 100) if found.group(2) else number


def plan(wanted: FleetRequest) -> list[Planned]:
    """Return the hospitals that are behind in the order of their waves; one query. Raises InvalidValue.

    Suspended and archived hospitals are among them, so that whoever comes back fits the code; those in quarantine,
    those being made and those deleted are not.
    """
    behind = list_behind(wanted.to, only=wanted.only, leave_out=wanted.leave_out)
    by_code = {row.code: row for row in behind}
    missing = set(wanted.canary) - set(by_code)
    if missing:
        named = ", ".join(sorted(missing))
        raise InvalidValue(_l("Not behind, or in quarantine, so no canary: %(codes)s", codes=named), field="canary")
    first = [by_code[code] for code in wanted.canary] or behind[: wanted.canary_count]
    taken = {row.id for row in first}
    rest = [row for row in behind if row.id not in taken]
    planned = [Planned(row.id, row.code, row.schema_revision, 0) for row in first]
    for number, wave in enumerate(_divide(rest, wanted.waves, len(behind)), start=1):
        planned += [Planned(row.id, row.code, row.schema_revision, number) for row in wave]
    return planned


def list_behind(to: str, *, only: Sequence[str] = (), leave_out: Sequence[str] = ()) -> Sequence[Any]:
    """Return the hospitals below a revision: demo hospitals first, then active, suspended and archived ones."""
    older = [one.name for one in list_revisions() if number_of(one.name) < number_of(to)]
    place = sa.case({status.value: number for number, status in enumerate(MIGRATED)}, value=Hospital.status)
    query = (
        sa.select(Hospital.id, Hospital.code, Hospital.schema_revision, Hospital.is_demo)
        .join(HospitalDatabase, HospitalDatabase.hospital_id == Hospital.id)
        .where(
            Hospital.status.in_(MIGRATED),
            Hospital.quarantined_at.is_(None),
            sa.or_(Hospital.schema_revision.is_(None), Hospital.schema_revision.in_(older)),
        )
        .order_by(Hospital.is_demo.desc(), place, Hospital.code)
    )
    if only:
        query = query.where(Hospital.code.in_(only))
    if leave_out:
        query = query.where(Hospital.code.not_in(leave_out))
    return db.session.execute(query).all()


def _divide(rest: list[Any], sizes: Sequence[str], of: int) -> list[list[Any]]:
    waves, at = [], 0
    for size in sizes:
        count = max(1, how_many(size, of))
        waves.append(rest[at : at + count])
        at += count
    return [wave for wave in [*waves, rest[at:]] if wave]
