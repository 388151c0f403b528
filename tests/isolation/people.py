"""Every kind of person who can ask, each as what a browser would carry: cookies and a form's token.

Sessions are begun as rows here, not through the sign-in pages, which have their own tests; so everybody can be made in
a moment, also those whose session is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from app.core import clock
from app.core.ids import hash_token, new_token
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.identity.permissions import OPERATOR_PRESETS
from app.domain.identity.sessions import KINDS, begin_session
from app.domain.support.models import SupportSession
from app.domain.support.visiting import MARK
from app.tenancy.binding import bind_hospital
from app.tenancy.models import OperatorRole, PlatformUser, PlatformUserPermission
from app.tenancy.mount import ENVIRON_KEY, Address
from tests.support.fixed_ids import fixed_id
from tests.support.platform import ACTOR
from tests.support.world import ROLES, World
from tests.support.world_access import GRANTED, OPERATORS

FORM_TOKEN = "the-same-for-everybody"
PATIENTS = ("patient", "other patient")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a session of one portal at one hospital; `session` is what Flask keeps in the cookie."""

    name: str
    portal: str
    hospital: str | None
    session: dict[str, str] = field(default_factory=dict)

    def belongs_to(self, portal: str, hospital: str | None) -> bool:
        """Tell whether an address is of this person's own portal and hospital."""
        return (self.portal, self.hospital) == (portal, hospital)


def anonymous(portal: str, hospital: str | None) -> Person:
    """Return somebody who has only opened a form."""
    return Person("nobody", portal, hospital, {"csrf_token": FORM_TOKEN})


def form_token(app: Flask) -> str:
    """Return the token that belongs to everybody's session here."""
    return str(URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token").dumps(FORM_TOKEN))


def cookie(app: Flask, person: Person) -> tuple[str, str]:
    """Return the name and the signed value of a person's cookie."""
    path = f"/{person.portal}/"
    with app.test_request_context(path, environ_overrides={ENVIRON_KEY: Address(code=person.hospital)}):
        interface = app.session_interface
        serializer = interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        return interface.get_cookie_name(app), serializer.dumps(person.session)


def cookies(app: Flask, person: Person, portal: str, hospital: str | None) -> str:
    """Return the header of a person who asks an address of any portal; elsewhere the cookie goes along renamed.

    A browser would not send it there at all. A thief would.
    """
    name, value = cookie(app, person)
    wanted, _ = cookie(app, Person("", portal, hospital))
    return "; ".join(f"{each}={value}" for each in dict.fromkeys((name, wanted)))


def staff_of(app: Flask, world: World, names: Iterable[str] = ROLES) -> list[Person]:
    """Return one signed-in person for each preset role of a hospital."""
    return [_person(app, name, "hospital", world.code, world.staff[name]) for name in names]


def patients_of(app: Flask, world: World) -> list[Person]:
    """Return both patients of a hospital, signed in."""
    accounts = (world.patient.account_id, world.other.account_id)
    return [
        _person(app, name, "patient", world.code, account) for name, account in zip(PATIENTS, accounts, strict=True)
    ]


def operators(app: Flask) -> list[Person]:
    """Return one operator of each role, under fixed ids."""
    made = []
    for number, role in enumerate(OperatorRole):
        user_id = fixed_id(OPERATORS + number)
        with app.app_context(), unit_of_work() as session:
            username = role.value.replace("_", "-")
            facts = {"full_name": "Vận hành Thử", "email": f"{number}@vien.example", "password_hash": "-"}
            session.add(PlatformUser(id=user_id, username=username, role=role, **facts))
            session.flush()
            session.add_all(
                PlatformUserPermission(user_id=user_id, permission_code=code) for code in OPERATOR_PRESETS[role]
            )
        made.append(_person(app, role.value, "admin", None, user_id))
    return made


def visitor(app: Flask, code: str) -> Person:
    """Return the operator whom a hospital has let in, with a visit going on; the operators must be there."""
    token, now = MARK + new_token(), clock.now()
    with app.app_context(), bind_hospital(code), unit_of_work() as session:
        later = now + timedelta(hours=4)
        times = {"created_at": now, "last_seen_at": now, "proven_at": now, "expires_at": later}
        session.add(SupportSession(grant_id=fixed_id(GRANTED), token_hash=hash_token(token), **times))
    session_facts = {"_user_id": f"hospital:{code}:{token}", "csrf_token": FORM_TOKEN}
    return Person("support with access", "hospital", code, session_facts)


def ended(app: Flask, like: Person, account_id: UUID) -> list[Person]:
    """Return people of an account whose sessions count no more: too long unused, too old, signed out."""
    long_ago = clock.now() - timedelta(days=400)
    over: dict[str, dict[str, Any]] = {
        "idle": {"last_seen_at": long_ago},
        "expired": {"expires_at": long_ago},
        "signed out": {"ended_at": clock.now()},
    }
    made = []
    for name, facts in over.items():
        person = _person(app, name, like.portal, like.hospital, account_id)
        token = hash_token(person.session["_user_id"].rpartition(":")[2])
        model = KINDS[like.portal].model
        with app.app_context(), _inside(like.hospital), unit_of_work() as session:
            session.execute(sa.update(model).where(model.token_hash == token).values(**facts))
        made.append(person)
    return made


def disabled_staff(app: Flask, world: World) -> Person:
    """Return a doctor whose account was disabled after signing in."""
    account_id = fixed_id(9000, world.series)
    with app.app_context(), bind_hospital(world.code), unit_of_work() as session:
        facts = {"username": "disabled", "full_name": f"Đã nghỉ {world.canary}", "password_hash": "-"}
        session.add(StaffUser(id=account_id, **facts))
        session.flush()
        role_id = session.scalars(sa.select(Role.id).where(Role.code == "doctor")).one()
        session.add(StaffRole(staff_id=account_id, role_id=role_id))
    person = _person(app, "disabled", "hospital", world.code, account_id)
    with app.app_context(), bind_hospital(world.code), unit_of_work() as session:
        session.get_one(StaffUser, account_id).disabled_at = clock.now()
    return person


def _inside(hospital: str | None) -> Any:
    return bind_hospital(hospital) if hospital else nullcontext()


def _person(app: Flask, name: str, portal: str, hospital: str | None, account_id: UUID) -> Person:
    with app.app_context(), _inside(hospital), unit_of_work():
        token = begin_session(portal, ACTOR, account_id, user_agent="isolation", second_factor="totp")
    user_id = f"{portal}:{hospital or '-'}:{token}"
    return Person(name, portal, hospital, {"_user_id": user_id, "csrf_token": FORM_TOKEN})
