"""What templates ask of protected fields: whether the person may read or write one."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from app.core.i18n import _
from app.domain.access.fields import may_read, may_write
from app.hospital import hospital
from app.web.principals import current_actor


@hospital.context_processor
def _fields() -> dict[str, Any]:
    actor = current_actor()
    return {
        "can_read": lambda code: may_read(actor, code),
        "can_write": lambda code: may_write(actor, code),
        "not_shown": _not_shown,
    }


def _not_shown() -> Markup:
    """Say in the place of a value that the person's role does not show it."""
    return Markup('<span class="muted">— {}</span>').format(_("not shown to your role"))
