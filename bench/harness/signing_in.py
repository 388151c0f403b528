"""A receptionist who signs in with password and authenticator app; the browser's cookies are what a load sends."""

from __future__ import annotations

import pyotp
from flask.testing import FlaskClient

from app.core.unit_of_work import unit_of_work
from app.domain.identity.staff import create_staff
from app.domain.identity.totp import enrol, new_secret
from app.tenancy.binding import bind_hospital
from bench.harness.platform import ACTOR, BenchPlatform

USERNAME, PASSWORD = "tiep.don", "mat-khau-do-toc-do"


def sign_in(platform: BenchPlatform, code: str, page: str, *, address: str = "127.0.0.1") -> str:
    """Make a receptionist of a hospital, sign them in, and return the cookies with which a page was opened."""
    secret = new_secret()
    with platform.app.app_context(), bind_hospital(code), unit_of_work():
        staff = create_staff(
            ACTOR, username=USERNAME, full_name="Người Thử", password=PASSWORD, role_codes=("receptionist",)
        )
        enrol(platform.app.extensions["keyring"], staff, secret)
    client = platform.app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    _submit(client, f"/h/{code}/hospital/sign-in", username=USERNAME, password=PASSWORD)
    _submit(client, f"/h/{code}/hospital/second-factor", code=pyotp.TOTP(secret).now())
    if client.get(page).status_code != 200:
        raise SystemExit(f"nobody could sign in to {code}")
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in client._cookies.values())


def _submit(client: FlaskClient, address: str, **fields: str) -> None:
    token = client.get(address).get_data(as_text=True).split('name="csrf_token"', 1)[1].split('value="', 1)[1]
    client.post(address, data={"csrf_token": token.split('"', 1)[0], **fields})
