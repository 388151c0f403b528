"""Telling reviewers that somebody opened a patient in an emergency. The letter names the colleague, not the patient."""

from __future__ import annotations

from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from app.core.actor import Actor
from app.core.db import db
from app.core.formats.dates import format_date
from app.domain.access.models import EmergencyAccess
from app.domain.identity.models import RolePermission, StaffRole, StaffUser
from app.domain.identity.permissions import REVIEW_BREAK_GLASS
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.operations import queue_letter
from app.domain.messages.templates import EMERGENCY_ACCESS
from app.tenancy.binding import bound_hospital
from app.tenancy.domains import portal_url

MOST_LETTERS = 20


def tell_reviewers(actor: Actor, emergency: EmergencyAccess) -> None:
    """Write to those who may review it, as far as they have an address; never to the person themselves."""
    query = (
        sa.select(StaffUser.full_name, StaffUser.email, StaffUser.locale)
        .join(StaffRole, StaffRole.staff_id == StaffUser.id)
        .join(RolePermission, RolePermission.role_id == StaffRole.role_id)
        .where(
            RolePermission.permission_code == REVIEW_BREAK_GLASS.code,
            StaffUser.disabled_at.is_(None),
            StaffUser.deleted_at.is_(None),
            StaffUser.email.is_not(None),
            StaffUser.id != emergency.staff_id,
        )
        .distinct()
        .limit(MOST_LETTERS)
    )
    hospital, settings = bound_hospital(), current_app.extensions["settings"]
    home = urljoin(settings.base_url, portal_url(settings, hospital.code, "hospital", hospital.custom_domain))
    begun = emergency.begun_at.astimezone(ZoneInfo(hospital.timezone))
    for name, email, locale in db.session.execute(query).all():
        try:
            address = check_address(email or "")
        except BadAddress:
            continue
        queue_letter(
            f"emergency:{emergency.id}:{address}",
            EMERGENCY_ACCESS,
            recipient=address,
            locale=locale,
            facts={
                "name": name,
                "hospital": hospital.display_name,
                "colleague": actor.name,
                "time": f"{format_date(begun.date())} {begun:%H:%M}",
                "link": f"{home}emergency-access/{emergency.id}",
            },
        )
