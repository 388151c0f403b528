"""Telling the owner of an account that somebody took its second factor away (ASVS 5.0, 6.3.7)."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.formats.dates import format_date
from app.core.ids import new_id
from app.domain.identity.browsers import portal_of
from app.domain.identity.models import PatientUser
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.operations import queue_letter
from app.domain.messages.templates import FACTOR_RESET
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital
from app.tenancy.domains import portal_url


def tell_of_reset(actor: Actor, account: Any) -> None:
    """Write to an account's owner, where there is an address, that the second factor was reset."""
    portal = portal_of(account)
    if portal == "admin":
        return  # operators are told by the alert that this event raises
    name, address = _owner(account)
    if not address:
        return
    hospital = bound_hospital()
    settings = current_app.extensions["settings"]
    now = clock.now().astimezone(ZoneInfo(hospital.timezone))
    home = portal_url(settings, hospital.code, portal, hospital.custom_domain)
    queue_letter(
        f"factor_reset:{new_id()}",
        FACTOR_RESET,
        recipient=address,
        locale=account.locale,
        facts={
            "name": name,
            "hospital": hospital.display_name,
            "time": f"{format_date(now.date())} {now:%H:%M}",
            "link": home if "://" in home else settings.base_url.rstrip("/") + home,
        },
        created_by=actor.id,
    )


def _owner(account: Any) -> tuple[str, str | None]:
    if isinstance(account, PatientUser):
        query = sa.select(Patient.full_name, Patient.email).where(Patient.id == account.patient_id)
        name, email = db.session.execute(query).one()
    else:
        name, email = account.full_name, account.email
    try:
        return name, check_address(email) if email else None
    except BadAddress:
        return name, None
