"""The authenticator app of people in tests: it answers when a sign-in asks for the second factor."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pyotp
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import PatientUser, StaffUser
from app.tenancy.binding import bind_hospital
from app.tenancy.models import PlatformUser

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of every account that factories make with an authenticator app
HOSPITAL = re.compile(r"/h/([a-z0-9-]+)/")
KEY = re.compile(r"data-key>([A-Z2-7 ]+)<")


def code_of(secret: str) -> str:
    """Return the code that the app shows now."""
    return pyotp.TOTP(secret.replace(" ", "")).at(clock.now())


def forget_used_codes(app: Flask, path: str) -> None:
    """Let the code of this half minute be good again: somebody in tests signs in more than once in it."""
    found = HOSPITAL.search(path)
    models = (StaffUser, PatientUser) if found else (PlatformUser,)
    with app.app_context(), bind_hospital(found.group(1)) if found else nullcontext(), unit_of_work() as session:
        for model in models:
            session.execute(sa.update(model).where(model.totp_last_step.is_not(None)).values(totp_last_step=None))


def key_on(page: str) -> str:
    """Return the key that a page offers to be set up."""
    found = KEY.search(page)
    assert found, "the page offers no key"
    return found.group(1)
