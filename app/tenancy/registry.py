"""Which hospitals there are, remembered in the process.

An entry is trusted for a few seconds, and forgotten at once when another process says that it changed. When the
central database does not answer, what is already known stays true and nothing is guessed about the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, joinedload

from app.core.crypto import Keyring
from app.core.db import db
from app.core.logging import get_logger
from app.tenancy.errors import RegistryUnavailable, UnknownHospital
from app.tenancy.models import DatabaseCluster, Hospital, HospitalStatus
from app.tenancy.replicas import ReplicaAddress, open_replica
from app.tenancy.vault import open_password

log = get_logger(__name__)

MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a hospital's database is and how to sign in; equal when an engine may be shared.

    `host` may name several servers (`app.core.addresses`). The pooler is a way to the same database for who needs no
    session, the replica a copy of it that is a little behind.
    """

    host: str
    port: int
    tls_mode: str
    database: str
    role: str
    password: str
    rotated_at: datetime
    target_session_attrs: str = "any"
    pooler: tuple[str, int] | None = None
    replica: ReplicaAddress | None = None

    def __repr__(self) -> str:
        return f"Whereabouts({self.role}@{self.host}:{self.port}/{self.database})"

    def direct(self) -> Whereabouts:
        """Return the same place past its pooler, for who needs a session."""
        return replace(self, pooler=None)

    def with_replica(self, address: ReplicaAddress) -> Whereabouts:
        """Return the same place with another read replica."""
        return replace(self, replica=address)

    def at_replica(self) -> Whereabouts | None:
        """Return the place of the read replica, which has the same roles and passwords; None where there is none."""
        copy = self.replica
        if copy is None:
            return None
        return replace(
            self,
            host=copy.host,
            port=copy.port,
            tls_mode=copy.tls_mode,
            target_session_attrs="any",
            pooler=None,
            replica=None,
        )


@dataclass(frozen=True, slots=True)
class HospitalEntry:
    """What a request needs to know of its hospital."""

    id: UUID
    code: str
    display_name: str
    status: HospitalStatus
    status_reason: str | None
    timezone: str
    locale: str
    custom_domain: str | None
    is_demo: bool
    whereabouts: Whereabouts | None
    paused: bool = False
    max_users: int | None = None
    schema_revision: str | None = None


class Registry:
    """The hospitals by code and by domain, with a limit to how long an answer is trusted."""

    def __init__(
        self, keyring: Keyring, trusted_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._keyring = keyring
        self._trusted_seconds = trusted_seconds
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, HospitalEntry | None]] = {}
        self._times_forgotten = 0
        self._lock = threading.Lock()

    def get_by_code(self, code: str) -> HospitalEntry:
        """Return a hospital; raises UnknownHospital or RegistryUnavailable."""
        return self._get("code", code)

    def get_by_domain(self, domain: str) -> HospitalEntry:
        """Return the hospital that lives at a custom domain; raises like `get_by_code`."""
        return self._get("custom_domain", domain)

    def forget(self) -> None:
        """Trust no earlier answer any more, but keep it for when the central database is away."""
        with self._lock:
            self._times_forgotten += 1
            self._known = {key: (float("-inf"), entry) for key, (_, entry) in self._known.items()}

    def _get(self, column: str, value: str) -> HospitalEntry:
        key = f"{column}={value}"
        known = self._known.get(key)
        if known is None or self._monotonic() > known[0]:
            # Only now is a condition made of it: that takes longer than all else about a known hospital.
            known = self._refresh(key, getattr(Hospital, column) == value, known)
        if known[1] is None:
            raise UnknownHospital
        return known[1]

    def _refresh(
        self, key: str, condition: sa.ColumnElement[bool], known: tuple[float, HospitalEntry | None] | None
    ) -> tuple[float, HospitalEntry | None]:
        before = self._times_forgotten
        try:
            entry = self._read(condition)
        except (DBAPIError, PoolTimeout) as error:
            if known is None or known[1] is None:
                raise RegistryUnavailable from error
            log.warning("central database away, serving from memory", key=key)
            entry = known[1]
        fresh = (self._monotonic() + self._trusted_seconds, entry)
        with self._lock:
            if before != self._times_forgotten:  # it changed while it was read: good for this once
                fresh = (float("-inf"), entry)
            # Unknown codes must not fill the memory.
            if entry is not None or key in self._known or len(self._known) < MOST_KNOWN:
                self._known[key] = fresh
        return fresh

    def _read(self, condition: sa.ColumnElement[bool]) -> HospitalEntry | None:
        with Session(db.engine) as session:
            hospital = session.scalar(sa.select(Hospital).where(condition).options(joinedload(Hospital.database)))
            return None if hospital is None else self.entry_of(hospital)

    def entry_of(self, hospital: Hospital, *, with_place: bool = True) -> HospitalEntry:
        """Return what is known of a hospital whose database row is loaded; its place needs the key: CannotDecrypt."""
        return HospitalEntry(
            id=hospital.id,
            code=hospital.code,
            display_name=hospital.display_name,
            status=hospital.status,
            status_reason=hospital.status_reason,
            timezone=hospital.timezone,
            locale=hospital.locale,
            custom_domain=hospital.custom_domain,
            is_demo=hospital.is_demo,
            whereabouts=self._whereabouts(hospital) if with_place else None,
            paused=hospital.paused_at is not None,
            max_users=hospital.max_users,
            schema_revision=hospital.schema_revision,
        )

    def _whereabouts(self, hospital: Hospital) -> Whereabouts | None:
        database = hospital.database
        if database is None:
            return None
        return Whereabouts(
            host=database.cluster.host,
            port=database.cluster.port,
            tls_mode=database.cluster.tls_mode,
            database=database.database_name,
            role=database.login_role,
            password=open_password(self._keyring, database),
            rotated_at=database.rotated_at,
            target_session_attrs=database.cluster.target_session_attrs,
            pooler=_pooler_of(database.cluster),
            replica=open_replica(self._keyring, database),
        )


def _pooler_of(cluster: DatabaseCluster) -> tuple[str, int] | None:
    return (cluster.pooler_host, cluster.pooler_port or cluster.port) if cluster.pooler_host else None
