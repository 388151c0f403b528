"""Handing out a file: always as an attachment, never shown inside a page of ours, under a name that we made."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from flask import Response

ZIP = "application/zip"


def attachment(name: str, content: Iterable[bytes], media_type: str = ZIP) -> Response:
    """Answer with a file. It is read whole first: what cannot be read is an error page, and not half a file."""
    response = Response(b"".join(content), mimetype=media_type)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
