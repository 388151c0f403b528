"""Letters to the owners of accounts, of whichever portal: from the hospital, or from the platform to operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from app.config import Settings
from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.formats.dates import format_date
from app.core.ids import new_id
from app.domain.identity.browsers import portal_of
from app.domain.identity.models import PatientUser
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.operations import queue_letter
from app.domain.messages.platform_letters import queue_platform_letter
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital
from app.tenancy.domains import portal_url

PLATFORM = "Vien"
PLATFORM_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an account is, and how they sign in and are written to."""

    name: str
    sign_in_name: str
    email: str | None
    patient_id: UUID | None = None


def owner_of(account: Any) -> Owner:
    """Return the owner of an account; an address to which nothing can be sent is none."""
    if portal_of(account) != "patient":
        return Owner(account.full_name, account.username, usable_address(account.email))
    query = (
        sa.select(Patient.full_name, Patient.cccd, Patient.phone, Patient.email, Patient.id)
        .join(PatientUser, PatientUser.patient_id == Patient.id)
        .where(PatientUser.id == account.id)
    )
    name, cccd, phone, email, patient_id = db.session.execute(query).one()
    return Owner(name, cccd or phone or "", usable_address(email), patient_id)


def write_to_owner(
    actor: Actor,
    account: Any,
    template: str,
    facts: Mapping[str, str],
    *,
    key: str | None = None,
    path: str = "account",
) -> bool:
    """Write to an account's owner; False where there is no address. See write_letter."""
    owner = owner_of(account)
    if owner.email is None:
        return False
    key = key or f"{template}:{new_id()}"
    said = {"link": link_to(portal_of(account), path), **facts}
    write_letter(actor, portal_of(account), owner, template, said, key=key, locale=account.locale)
    return True


def write_letter(
    actor: Actor,
    portal: str,
    owner: Owner,
    template: str,
    facts: Mapping[str, str],
    *,
    key: str,
    locale: str = "vi",
) -> None:
    """Write to somebody of a portal who has an address, once per key.

    The letter may use `name`, `username`, `hospital`, `time` and the given facts.
    """
    facts = {"name": owner.name, "username": owner.sign_in_name, **_here_and_now(portal), **facts}
    recipient = owner.email or ""
    if portal == "admin":
        queue_platform_letter(key, template, recipient=recipient, locale=locale, facts=facts, created_by=actor.id)
        return
    queue_letter(
        key,
        template,
        recipient=recipient,
        locale=locale,
        facts=facts,
        created_by=actor.id,
        patient_id=owner.patient_id,
    )


def link_to(portal: str, path: str) -> str:
    """Return the whole address of a page of a portal, of the bound hospital's where the portal is a hospital's."""
    settings: Settings = current_app.extensions["settings"]
    if portal == "admin":
        return f"{settings.base_url.rstrip('/')}/admin/{path}"
    hospital = bound_hospital()
    home = portal_url(settings, hospital.code, portal, hospital.custom_domain)
    return urljoin(settings.base_url, home) + path


def _here_and_now(portal: str) -> dict[str, str]:
    hospital = None if portal == "admin" else bound_hospital()
    now = clock.now().astimezone(ZoneInfo(hospital.timezone) if hospital else PLATFORM_ZONE)
    return {
        "hospital": hospital.display_name if hospital else PLATFORM,
        "time": f"{format_date(now.date())} {now:%H:%M}",
    }


def usable_address(email: str | None) -> str | None:
    """Return an address to which a letter can be sent, or None."""
    try:
        return check_address(email) if email else None
    except BadAddress:
        return None
