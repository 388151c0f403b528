"""Saying where a hospital's read replica is: tried before it is written down, and audited."""

from __future__ import annotations

import psycopg

from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import tenancy
from app.tenancy.engines import IDENTITY_QUERY, connect
from app.tenancy.queries import get_hospital
from app.tenancy.registry import Whereabouts
from app.tenancy.replicas import ReplicaAddress, open_replica, seal_replica

CONNECT_SECONDS = 5
LAST_PORT = 65_535


class NoDatabaseYet(Conflict):
    default_message = _l("The hospital has no database yet.")


class ReplicaRefused(Conflict):
    """What was named is not a replica of this hospital's database, or does not answer."""

    remedy = _l("It must be a streaming replica of the hospital's server and answer from here. Nothing was changed.")


def set_replica(actor: Actor, code: str, address: ReplicaAddress | None) -> None:
    """Write down a hospital's read replica, or that it has none.

    Raises UnknownHospital, NoDatabaseYet, InvalidValue or ReplicaRefused.
    """
    with unit_of_work() as session:
        hospital = get_hospital(code)
        place = tenancy().registry.entry_of(hospital).whereabouts
        if hospital.database is None or place is None:
            raise NoDatabaseYet
        if address is not None:
            _try(place, address, (hospital.id, place.database, place.role))
        keyring = platform_keyring()
        before = open_replica(keyring, hospital.database)
        seal_replica(keyring, hospital.database, address)
        record_platform_change(
            session,
            actor,
            "hospital.set_replica",
            subject_type="hospital",
            subject_id=hospital.id,
            hospital_id=hospital.id,
            changes={"replica": [before is not None, address is not None]},
            risk="medium",
        )
        after_commit(tenancy().registry.forget)


def _try(place: Whereabouts, address: ReplicaAddress, expected: tuple[object, str, str]) -> None:
    if not address.host or not 0 < address.port <= LAST_PORT:
        raise InvalidValue(_l("Name a host and a port between 1 and 65535."), field="host")
    copy = place.with_replica(address).at_replica()
    assert copy is not None
    try:
        with connect(copy, CONNECT_SECONDS) as connection:
            found = connection.execute(IDENTITY_QUERY).fetchone()
            (is_copy,) = connection.execute("SELECT pg_is_in_recovery()").fetchone() or (False,)
    except psycopg.Error as error:
        raise ReplicaRefused(_l("The replica refuses or does not answer: %(why)s", why=type(error).__name__)) from error
    if found != expected:
        raise ReplicaRefused(_l("What answers there is not a copy of this hospital's database."))
    if not is_copy:
        raise ReplicaRefused(_l("What answers there is not a replica: it takes writes itself."))
