"""The bytes that stand for a row of a log when it is sealed: the same on every PostgreSQL that we support.

Nothing but casts and functions that are built in is used, and times are written out in UTC, so that the text does not
hang on a server's version or settings. The migrations hold the same text frozen; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

FORM = 1
ID, DIGEST = 16, 32
LEAF = ID + 8 + DIGEST  # id, time in microseconds, SHA-256

_WHO = ("id", "at", "actor_kind", "actor_id", "actor_name", "action")
_WHERE = ("subject_type", "subject_id", "address", "request_id")
_SET_BY_DATABASE = ("recorded_at", "xid")


@dataclass(frozen=True, slots=True)
class SealedLog:
    """A log and the columns that its seals cover, in order."""

    name: str
    columns: tuple[str, ...]


AUDIT = SealedLog("audit_log", (*_WHO, *_WHERE, "patient_id", "changes", "basis", "grant_id", *_SET_BY_DATABASE))
ACCESS = SealedLog("access_log", (*_WHO, *_WHERE, "patient_ids", "basis", "grant_id", *_SET_BY_DATABASE))
PLATFORM = SealedLog("platform_audit_log", (*_WHO, *_WHERE, "hospital_id", "changes", "risk", *_SET_BY_DATABASE))
HOSPITAL_LOGS = (AUDIT, ACCESS)
CENTRAL_LOGS = (PLATFORM,)


def canonical_sql(log: SealedLog) -> str:
    """Return the SQL expression of a row's canonical text: each field with its length before it, none as a dash."""
    fields = [_field(column) for column in log.columns]
    return " || ".join([f"'{log.name}/{FORM};'", *fields])


def microseconds_sql() -> str:
    """Return the SQL expression of a row's time in microseconds since 1970."""
    return "(extract(epoch FROM at) * 1000000)::bigint"


def _field(column: str) -> str:
    if column in ("at", "recorded_at"):
        return f"coalesce(to_char({column} AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '-') || ';'"
    return f"coalesce(octet_length({column}::text) || ':' || {column}::text, '-')"
