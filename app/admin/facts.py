"""What was asked for and what came of it, as names and values that people read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from app.admin import admin
from app.admin.words import bytesize, grouped
from app.core.formats.dates import format_datetime
from app.core.i18n import _, _l
from app.web.templates import hospital_zone

LABELS: dict[str, Any] = {
    "archived": _l("Archived"),
    "asked_at": _l("Requested"),
    "asked_by": _l("Requested by"),
    "backup": _l("Backup"),
    "bytes": _l("Read"),
    "cluster": _l("Server"),
    "code": _l("Code"),
    "copy_seconds": _l("Copying took"),
    "database": _l("Database"),
    "databases": _l("Databases"),
    "delete_after": _l("Deleted after"),
    "destroy_backups": _l("Backups destroyed too"),
    "destroyed": _l("Destroyed"),
    "dump": _l("Dump"),
    "except": _l("Left out"),
    "failed": _l("Failed"),
    "files": _l("Files"),
    "findings": _l("Findings"),
    "found": _l("Found"),
    "from": _l("From"),
    "full": _l("Every pair tried"),
    "hospital": _l("Hospital"),
    "hospitals": _l("Hospitals"),
    "known": _l("Known already"),
    "location": _l("Place in the backup store"),
    "method": _l("Way"),
    "migrate": _l("Brought to the newest schema"),
    "migrated": _l("Migrated"),
    "milliseconds": _l("Took"),
    "name": _l("Name"),
    "only": _l("These alone"),
    "parallel": _l("At once"),
    "pause_seconds": _l("Nobody was served for"),
    "pauses": _l("Pauses"),
    "pin_days": _l("Kept for days"),
    "quarantined": _l("Set aside"),
    "reason": _l("Reason"),
    "removed": _l("Removed"),
    "replaced": _l("Replaced"),
    "replaced_until": _l("Old one valid until"),
    "retired": _l("Earlier database"),
    "revision": _l("Schema"),
    "role": _l("Role"),
    "rotated": _l("Rotated"),
    "rows": _l("Rows"),
    "size_bytes": _l("Size"),
    "state": _l("State"),
    "status": _l("State"),
    "strangers": _l("Of other hospitals"),
    "tables": _l("Tables"),
    "taken_at": _l("Taken"),
    "to": _l("To"),
    "unreadable": _l("Not readable"),
    "until": _l("Until"),
    "verify": _l("Read through"),
    "waves": _l("Waves"),
}
UNITS = {"milliseconds": "ms", "copy_seconds": "s", "pause_seconds": "s"}


@admin.app_template_global()
def readable(facts: dict[str, Any]) -> list[tuple[str, Any]]:
    """Lay facts out as names and values; what is empty is left out, what is nested is written as JSON."""
    return [
        (LABELS.get(name, name.replace("_", " ")), _value(name, value))
        for name, value in facts.items()
        if value not in (None, {}, [])
    ]


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return bytesize(int(value)) if name.endswith("bytes") else grouped(value, UNITS.get(name, ""))
    if isinstance(value, dict | list):
        simple = isinstance(value, list) and all(isinstance(part, str | int) for part in value)
        return ", ".join(map(str, value)) if simple else json.dumps(value, ensure_ascii=False)
    return _moment(value) or value


def _moment(value: str) -> str | None:
    """Write a moment as people read it; None for what is none."""
    if len(value) < len("2026-11-21T04:00"):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return format_datetime(at, hospital_zone()) if at.tzinfo else None
