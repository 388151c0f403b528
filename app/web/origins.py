"""Whether a browser was sent by our own pages: asked where a request proves itself by what it carries."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

from app.config import Settings


def comes_from_the_platform(settings: Settings) -> bool:
    """Tell whether the browser was sent by our own pages, so that nobody can be signed in to a stranger's account.

    In host mode the platform and a hospital are two origins of one site. A browser that says nothing is refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin" or (site == "same-site" and settings.hospital_host_suffix is not None)
    origin = request.headers.get("Origin") or _origin_of(request.headers.get("Referer", ""))
    return origin in {request.host_url.rstrip("/"), _origin_of(settings.base_url)}


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
