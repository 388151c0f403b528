"""Telling the owner of an account that it was used from a device that was never seen before (ASVS 5.0, 6.3.5)."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from flask_babel import force_locale

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.formats.dates import format_date
from app.core.ids import new_id
from app.domain.identity.browsers import portal_of
from app.domain.identity.devices import describe_device
from app.domain.identity.models import PatientUser
from app.domain.identity.noting import SUBJECTS, note_security
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.operations import queue_letter
from app.domain.messages.platform_letters import queue_platform_letter
from app.domain.messages.templates import NEW_DEVICE
from app.domain.patients.models import Patient
from app.tenancy.binding import find_bound_hospital
from app.tenancy.domains import portal_url

PLATFORM_ZONE = "Asia/Ho_Chi_Minh"


def tell_of_new_device(actor: Actor, portal: str, account: Any, user_agent: str | None) -> None:
    """Record a sign-in from an unknown device, and write to the account's owner where there is an address."""
    note_security(actor, "sign_in.new_device", subject_type=SUBJECTS[portal], subject_id=account.id, portal=portal)
    name, address = _owner(account)
    if not address:
        return
    hospital, settings = find_bound_hospital(), current_app.extensions["settings"]
    now = clock.now().astimezone(ZoneInfo(hospital.timezone if hospital else PLATFORM_ZONE))
    home = portal_url(settings, hospital.code, portal, hospital.custom_domain) if hospital else "/admin/"
    with force_locale(account.locale):
        device = str(describe_device(user_agent))
    facts = {
        "name": name,
        "hospital": hospital.display_name if hospital else "Vien",
        "device": device,
        "time": f"{format_date(now.date())} {now:%H:%M}",
        "address": actor.address or "–",
        "link": f"{_join(settings.base_url, home)}account",
    }
    queue = queue_letter if hospital else queue_platform_letter
    queue(
        f"new_device:{new_id()}",
        NEW_DEVICE,
        recipient=address,
        locale=account.locale,
        facts=facts,
        created_by=account.id,
    )


def _join(base: str, home: str) -> str:
    return home if "://" in home else base.rstrip("/") + home


def _owner(account: Any) -> tuple[str, str | None]:
    if portal_of(account) == "patient":
        query = sa.select(Patient.full_name, Patient.email).join(PatientUser, PatientUser.patient_id == Patient.id)
        name, email = db.session.execute(query.where(PatientUser.id == account.id)).one()
    else:
        name, email = account.full_name, account.email
    try:
        return name, check_address(email) if email else None
    except BadAddress:
        return name, None
