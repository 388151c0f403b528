"""What happens to the hospital's security, and the alerts about it."""

from __future__ import annotations

from app.core.i18n import _l
from app.domain.identity.permissions import VIEW_HOSPITAL_SECURITY
from app.domain.security.watching import HOSPITAL
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.web.security_pages import Pages, add_security_pages

declare_administration(
    "hospital.security_index",
    _l("Security"),
    _l("Alerts, failed sign-ins, refused pages, emergency access"),
    VIEW_HOSPITAL_SECURITY,
    60,
)
add_security_pages(hospital, Pages(HOSPITAL, see=VIEW_HOSPITAL_SECURITY, manage=VIEW_HOSPITAL_SECURITY))
