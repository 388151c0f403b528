"""A hospital's own domain: what may be one, and under which address a hospital's portals are then found."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from app.config import Settings
from app.core.errors import InvalidValue
from app.core.i18n import _l

LONGEST = 253
LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


def parse_domain(text: str, settings: Settings) -> str | None:
    """Return a typed domain in lower case and punycode, None where nothing was typed; raises InvalidValue."""
    if not text.strip():
        return None
    domain = _to_ascii(text.strip().lower().rstrip("."))
    labels = domain.split(".")
    if len(domain) > LONGEST or len(labels) < 2 or not all(LABEL.match(label) for label in labels) or _is_ip(domain):
        raise InvalidValue(
            _l("Enter a domain such as kham.benhvien.vn, without https:// and path."), field="custom_domain"
        )
    if domain == _platform_host(settings) or _is_under(domain, settings.hospital_host_suffix):
        raise InvalidValue(_l("This domain belongs to the platform itself."), field="custom_domain")
    return domain


def portal_url(settings: Settings, code: str, portal: str, custom_domain: str | None = None) -> str:
    """Return where a portal of a hospital is: on its own domain, on its host, or under its path prefix."""
    base = urlsplit(settings.base_url)
    if settings.hospital_host_suffix is None:
        return f"/h/{code}/{portal}/"
    host = custom_domain or f"{code}.{settings.hospital_host_suffix}"
    port = f":{base.port}" if base.port else ""
    return f"{base.scheme}://{host}{port}/{portal}/"


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    fits = len(domain) <= LONGEST and len(labels) >= 2 and all(LABEL.match(label) for label in labels)
    return fits and not _is_ip(domain)


def _to_ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _is_ip(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return False
    return True


def _platform_host(settings: Settings) -> str:
    return (urlsplit(settings.base_url).hostname or "").lower()


def _is_under(domain: str, suffix: str | None) -> bool:
    return suffix is not None and (domain == suffix.lower() or domain.endswith(f".{suffix.lower()}"))
