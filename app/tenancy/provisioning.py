"""Asking for a hospital: what an operator says of it, which codes it may have, and what fills it.

A portal only registers it; a worker or command, which holds the administrative address, makes it (`making`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.config import HOSPITAL_CODE
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.tenancy.audit import record_platform_change
from app.tenancy.errors import HospitalExists
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, HospitalAdministrator, HospitalStatus
from app.tenancy.placement import check_place, choose_cluster

RESERVED_CODES = frozenset(
    {
        "admin",
        "api",
        "app",
        "central",
        "demo",
        "hospital",
        "h",
        "metrics",
        "new",
        "patient",
        "platform",
        "static",
        "vien",
        "www",
    }
)
CREATE = "hospital.create"

Seeder = Callable[[], None]
_seeders: list[Seeder] = []
_digests: list[Callable[[], str]] = []
AdministratorWriter = Callable[[Actor, "FirstAdministrator"], None]
_administrator_writers: list[AdministratorWriter] = []


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """Who is to sign in to a new hospital first: invited by e-mail, or with a password, known here as its hash only."""

    username: str
    full_name: str
    password_hash: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class HospitalRequest:
    """What an operator says of a new hospital."""

    code: str
    name: str
    display_name: str
    region: str = "vn"
    timezone: str = "Asia/Ho_Chi_Minh"
    locale: str = "vi"
    plan: str = "standard"
    max_users: int = 100
    max_storage_gb: int = 50
    custom_domain: str | None = None
    is_demo: bool = False
    cluster: str | None = None
    administrator: FirstAdministrator | None = None


def seeds_new_hospitals(seeders: Sequence[Seeder], digest: Callable[[], str]) -> None:
    """Register what every hospital starts with, and the digest of it: another digest makes another template."""
    _seeders[:] = seeders
    _digests[:] = [digest]


def writes_administrators(writer: AdministratorWriter) -> AdministratorWriter:
    """Register what writes the first administrator into a hospital; bound and repeatable like a seeder."""
    _administrator_writers.append(writer)
    return writer


def check_code(code: str) -> None:
    """Refuse a code that cannot be a hospital's; raises InvalidValue."""
    if not HOSPITAL_CODE.fullmatch(code):
        raise InvalidValue(
            _l("Use 3 to 40 lower-case letters, digits and hyphens, beginning with a letter."), field="code"
        )
    if code in RESERVED_CODES:
        raise InvalidValue(_l("This code is reserved for the platform."), field="code")


def list_seeders() -> list[Seeder]:
    """Return what fills the golden template, in order."""
    return list(_seeders)


def presets_digest() -> str:
    """Return eight letters that change when what hospitals start with does."""
    return sha256("".join(digest() for digest in _digests).encode()).hexdigest()[:8]


def list_administrator_writers() -> list[AdministratorWriter]:
    """Return what writes a first administrator into a hospital."""
    return list(_administrator_writers)


def request_hospital(actor: Actor, request: HospitalRequest, *, wake: bool = False) -> Hospital:
    """Register a hospital that is to be made; raises InvalidValue or HospitalExists.

    `wake` asks a worker to make it once this is committed; without it the caller does.
    """
    hospital = register_hospital(actor, request)
    arguments = {"cluster": request.cluster} if request.cluster else {}
    request_operation(actor, CREATE, hospital=hospital, arguments=arguments, wake=wake)
    return hospital


def register_hospital(actor: Actor, request: HospitalRequest, hospital_id: UUID | None = None) -> Hospital:
    """Write a hospital into the register, where it takes its code and is not served yet; raises as above, or NoRoom."""
    check_code(request.code)
    check_place(request.cluster)
    placed = choose_cluster(request.region, request.cluster)  # no room is said at once, to who can choose another
    hospital = Hospital(
        id=hospital_id or new_id(),
        code=request.code,
        name=request.name,
        display_name=request.display_name,
        region=placed.region,  # where a server is named, its region is the hospital's
        timezone=request.timezone,
        locale=request.locale,
        plan=request.plan,
        max_users=request.max_users,
        max_storage_gb=request.max_storage_gb,
        custom_domain=request.custom_domain or None,
        is_demo=request.is_demo,
        created_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(hospital)
    except IntegrityError as error:
        if "custom_domain" in str(error.orig):
            raise InvalidValue(_l("Another hospital uses this domain."), field="custom_domain") from None
        raise HospitalExists from None
    if request.administrator is not None:
        db.session.add(HospitalAdministrator(hospital_id=hospital.id, **asdict(request.administrator)))
        db.session.flush()
    record_platform_change(
        db.session(),
        actor,
        "hospital.request",
        subject_type="hospital",
        subject_id=hospital.id,
        hospital_id=hospital.id,
        changes={"code": [None, request.code], "name": [None, request.name]},
        risk="medium",
    )
    return hospital


def list_unfinished() -> list[str]:
    """Return the codes of the hospitals that are registered but not made yet, oldest first."""
    query = sa.select(Hospital.code).where(Hospital.status == HospitalStatus.PROVISIONING).order_by(Hospital.created_at)
    return list(db.session.scalars(query))
