"""The words of a deletion certificate, put together from what the steps of the deletion have found and done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import Work
from app.tenancy.models import Backup, Hospital

REGISTER = "code, names and dates of the hospital, so that the code is never given to another"
AUDIT = "who did what to the hospital, and its operations; no patient's data"
KITS = "removed by themselves some days after they were made"


@dataclass(frozen=True, slots=True)
class Found:
    """What the steps of a deletion leave for the certificate."""

    backup: dict[str, Any]
    rows: dict[str, int]
    closed: dict[str, Any]
    files: int
    centre: dict[str, Any]
    backups: dict[str, Any]


def describe_deletion(work: Work, found: Found) -> dict[str, Any]:
    """Return what a certificate says. Names of databases and roles are those that no longer exist."""
    return {
        "kind": "hospital deletion",
        "hospital": _subject(work.hospital, found.closed["domain"]),
        "asked": {
            "by": work.arguments.get("asked_by", work.actor.name),
            "at": work.arguments.get("asked_at"),
            "reason": work.arguments.get("reason"),
        },
        "done": {
            "operation": str(work.id),
            "closed_at": found.closed["deleted_at"],
            "issued_at": clock.now().isoformat(timespec="seconds"),
        },
        "destroyed": {
            "databases": [
                {"server": place["server"], "database": place["database"], "role": place["role"]}
                for place in found.closed["places"]
            ],
            "rows": found.rows,
            "rows_in_all": sum(found.rows.values()),
            "files": found.files,
            "central_rows": found.centre,
            "backups": found.backups["destroyed"],
        },
        "last_backup": found.backup,
        "remains": {
            "backups": found.backups["kept"],
            "register_entry": REGISTER,
            "platform_audit_log": AUDIT,
            "exit_kits": KITS,
        },
    }


def rows_of(backup_id: str) -> dict[str, int]:
    """Return the rows of every table as the manifest of the last backup counts them."""
    with unit_of_work() as session:
        manifest = session.get_one(Backup, UUID(backup_id)).manifest
    return {str(table): int(count) for table, count in sorted(manifest.get("rows", {}).items())}


def _subject(hospital_id: UUID, domain: str | None) -> dict[str, Any]:
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, hospital_id)
        return {
            "id": str(hospital.id),
            "code": hospital.code,
            "name": hospital.name,
            "display_name": hospital.display_name,
            "custom_domain": domain,
            "created_at": hospital.created_at.isoformat(timespec="seconds"),
            "schema_revision": hospital.schema_revision,
        }
