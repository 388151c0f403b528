"""People who sign in with password and authenticator app; the browser's cookies are what a load sends."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pyotp
from flask.testing import FlaskClient

from app.core.unit_of_work import unit_of_work
from app.domain.identity.sessions import begin_session
from app.domain.identity.staff import create_staff
from app.domain.identity.totp import enrol, new_secret
from app.tenancy.binding import bind_hospital
from bench.harness.platform import ACTOR, BenchPlatform

USERNAME, PASSWORD = "tiep.don", "mat-khau-do-toc-do"


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser with which somebody is signed in, and a token of theirs for the baseline, which has no sign-in."""

    client: FlaskClient
    person_id: UUID
    token: str

    def open(self, page: str) -> str:
        """Return a page; raises SystemExit where it is none."""
        answer = self.client.get(page)
        if answer.status_code != 200:
            raise SystemExit(f"{page} answered {answer.status_code}")
        return answer.get_data(as_text=True)

    @property
    def cookies(self) -> str:
        """Return what the browser sends with every request."""
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in (self.client._cookies or {}).values())


def sign_in(platform: BenchPlatform, code: str, page: str, *, address: str = "127.0.0.1") -> str:
    """Make a receptionist of a hospital, sign them in, and return the cookies with which a page was opened."""
    browser = sign_in_as(platform, code, "receptionist", USERNAME, address=address)
    browser.open(page)
    return browser.cookies


def sign_in_as(
    platform: BenchPlatform,
    code: str,
    role: str,
    username: str,
    *,
    department_id: UUID | None = None,
    address: str = "127.0.0.1",
) -> Browser:
    """Make a member of staff of a hospital with a role, and sign them in."""
    secret = new_secret()
    with platform.app.app_context(), bind_hospital(code), unit_of_work():
        staff = create_staff(
            ACTOR,
            username=username,
            full_name="Người Thử",
            password=PASSWORD,
            role_codes=(role,),
            department_id=department_id,
        )
        enrol(platform.app.extensions["keyring"], staff, secret)
        token = begin_session("hospital", ACTOR, staff.id, user_agent=None, second_factor="totp")
        person_id = staff.id
    client = platform.app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    _submit(client, f"/h/{code}/hospital/sign-in", username=username, password=PASSWORD)
    _submit(client, f"/h/{code}/hospital/second-factor", code=pyotp.TOTP(secret).now())
    return Browser(client, person_id, token)


def form_token(page: str) -> str:
    """Return the token of a page's form."""
    return page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


def _submit(client: FlaskClient, address: str, **fields: str) -> None:
    token = form_token(client.get(address).get_data(as_text=True))
    client.post(address, data={"csrf_token": token, **fields})
