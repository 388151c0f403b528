"""Serving what people sent: under a policy that lets nothing in it run or load, never stored by a browser.

Images are shown inside our pages; anything else is only saved, and looked at as pictures. (ASVS 5.0, 3.2.1)
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from flask import Response, g

SANDBOX = {"default-src": "'none'", "sandbox": "", "frame-ancestors": "'none'"}
SHOWN = frozenset({"image/png", "image/jpeg"})


def serve_sent(name: str, content: Iterable[bytes], media_type: str, *, save: bool = False) -> Response:
    """Answer with a file that somebody sent. It is read whole first: what cannot be read is an error page."""
    response = Response(b"".join(content), mimetype=media_type)
    kind = "inline" if media_type in SHOWN and not save else "attachment"
    response.headers["Content-Disposition"] = f"{kind}; filename*=UTF-8''{quote(name)}"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    g.header_options = {**(g.get("header_options") or {}), "content_security_policy": SANDBOX}
    return response
