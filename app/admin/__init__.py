"""The operators' portal: how the hospitals do, never what they know."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

admin = Blueprint("admin", __name__, url_prefix="/admin")
guard(admin)

from app.admin import audit, hospitals, identity, showcase, sync, words  # noqa: E402

__all__ = ["admin", "audit", "hospitals", "identity", "showcase", "sync", "words"]
