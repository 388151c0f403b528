"""What the centre's values are called on operators' pages, and how sizes, counts and moments are written there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from babel.numbers import format_compact_decimal
from flask_babel import format_timedelta, get_locale
from markupsafe import Markup

from app.admin import admin
from app.core import clock
from app.core.formats.dates import format_datetime
from app.core.formats.numbers import format_decimal
from app.core.i18n import _, _l
from app.tenancy.fleet import Condition, newest_revision
from app.web.templates import hospital_zone

CONDITIONS: dict[str, tuple[Any, str]] = {
    Condition.DOWN: (_l("Down"), "danger"),
    Condition.STUCK: (_l("Set-up failed"), "danger"),
    Condition.UNKNOWN: (_l("Not checked lately"), "warning"),
    Condition.DEGRADED: (_l("Degraded"), "warning"),
    Condition.SYNC_FAILED: (_l("Sync failed"), "warning"),
    Condition.UNPROVEN: (_l("No proven restore"), "warning"),
    Condition.BEHIND: (_l("Schema behind"), "info"),
    Condition.PROVISIONING: (_l("Being set up"), "info"),
    Condition.UP: (_l("Healthy"), "success"),
    Condition.SUSPENDED: (_l("Suspended"), "neutral"),
    Condition.ARCHIVED: (_l("Archived"), "neutral"),
    Condition.DELETED: (_l("Deleted"), "neutral"),
}
STATUSES: dict[str, tuple[Any, str]] = {
    "provisioning": (_l("Being set up"), "info"),
    "active": (_l("Active"), "success"),
    "suspended": (_l("Suspended"), "warning"),
    "archived": (_l("Archived"), "neutral"),
    "deleted": (_l("Deleted"), "neutral"),
}
HEALTH: dict[str, tuple[Any, str]] = {
    "up": (_l("Up"), "success"),
    "degraded": (_l("Degraded"), "warning"),
    "down": (_l("Down"), "danger"),
}
RUNS: dict[str, tuple[Any, str]] = {
    "running": (_l("Running"), "info"),
    "succeeded": (_l("Succeeded"), "success"),
    "failed": (_l("Failed"), "danger"),
}
REASONS: dict[str, Any] = {
    "credentials": _l("The database refuses the hospital's credentials."),
    "full": _l("No connection is free."),
    "nearly_full": _l("Nearly all connections are in use."),
    "no_answer": _l("The database accepts the connection but does not answer."),
    "no_database": _l("The database does not exist."),
    "no_place": _l("The hospital has no database, or its credentials cannot be opened."),
    "schema": _l("The database lacks tables that it should have."),
    "slow": _l("The answer took longer than a second."),
    "stopping": _l("The database server is stopping or starting."),
    "unreachable": _l("The database server cannot be reached."),
    "backup_old": _l("The last backup is older than twice the time between backups."),
    "behind": _l("The schema is behind; the hospital goes on serving."),
    "disk_full": _l("The disk, or the storage that was agreed, is nearly full."),
    "queue_old": _l("Reminders or events have waited for longer than a quarter of an hour."),
    "replica": _l("The read replica is behind or away."),
    "wrong_database": _l("The database belongs to another hospital."),
}
OPERATION_STATES: dict[str, tuple[Any, str]] = {
    "queued": (_l("Waiting"), "neutral"),
    "running": (_l("Running"), "info"),
    "succeeded": (_l("Succeeded"), "success"),
    "failed": (_l("Failed"), "danger"),
    "cancelled": (_l("Cancelled"), "warning"),
}
ACTIONS: dict[str, Any] = {
    "hospital.request": _l("Hospital requested"),
    "hospital.activate": _l("Hospital set up"),
    "credentials.rotate": _l("Database credentials replaced"),
    "credentials.drop": _l("Replaced database role dropped"),
    "orphan.drop": _l("Orphaned database or role dropped"),
    "hospital.suspend": _l("Hospital suspended"),
    "hospital.resume": _l("Hospital serving again"),
    "hospital.set_replica": _l("Read replica changed"),
    "hospital.exchange_database": _l("Database exchanged"),
    "hospital.drop_retired_database": _l("Earlier database dropped"),
    "hospital.import": _l("Hospital imported"),
    "hospital.quarantine": _l("Put into quarantine"),
    "hospital.clear_quarantine": _l("Let out of quarantine"),
    "operation.request": _l("Work asked for"),
    "operation.retry": _l("Work taken up again"),
    "operation.cancel": _l("Work cancelled"),
    "operator.create": _l("Operator created"),
    "operator.invite": _l("Operator invited"),
    "operator.accept_invitation": _l("Invitation accepted"),
    "operator.change_role": _l("Operator's role changed"),
    "account.disable": _l("Account disabled"),
    "account.enable": _l("Account enabled"),
    "account.unlock": _l("Account unlocked"),
    "account.password_change": _l("Password changed"),
    "account.password_reset": _l("Password reset by e-mail"),
    "audit.search": _l("Audit log read"),
    "audit.export": _l("Audit log exported"),
    "gateway.change": _l("Access rules changed"),
    "gateway.address.add": _l("Address rule added"),
    "gateway.address.remove": _l("Address rule taken away"),
    "gateway.reset": _l("Access rules reset"),
    "session.begin": _l("Signed in"),
    "session.end": _l("Signed out"),
}
RISKS: dict[str, tuple[Any, str]] = {
    "low": (_l("Low"), "neutral"),
    "medium": (_l("Medium"), "info"),
    "high": (_l("High"), "warning"),
}
PLANS = (("trial", _l("Trial")), ("standard", _l("Standard")), ("large", _l("Large hospital")))
LANGUAGES = (("vi", "Tiếng Việt"), ("en", "English"))
REGIONS: dict[str, Any] = {"vn": _l("Vietnam")}
UNITS = ("B", "KB", "MB", "GB", "TB")


@admin.context_processor
def _words() -> dict[str, Any]:
    return {
        "CONDITIONS": CONDITIONS,
        "STATUSES": STATUSES,
        "HEALTH": HEALTH,
        "RUNS": RUNS,
        "REASONS": REASONS,
        "OPERATION_STATES": OPERATION_STATES,
        "ACTIONS": ACTIONS,
        "RISKS": RISKS,
        "PLANS": dict(PLANS),
        "LANGUAGES": dict(LANGUAGES),
        "REGIONS": REGIONS,
        "bytesize": bytesize,
        "compact": compact,
        "grouped": grouped,
        "moment": moment,
        "newest_revision": newest_revision,
    }


def moment(at: datetime | None) -> Markup:
    """Say how long ago something was; the exact time stands in the title and for machines."""
    if at is None:
        return Markup("—")
    return Markup('<time class="nowrap" datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), format_datetime(at, hospital_zone()), ago(at)
    )


def ago(at: datetime) -> str:
    """Say how long ago a moment was, in the reader's language."""
    elapsed = clock.now() - at
    if abs(elapsed.total_seconds()) < 5:
        return _("just now")
    return str(format_timedelta(-elapsed, add_direction=True, threshold=1.2))


def bytesize(count: int | None) -> str:
    """Write a number of bytes as people read it: 12,3 MB."""
    if count is None:
        return "—"
    size, unit = float(count), 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{format_decimal(size, 1 if unit and size < 100 else 0)}\u00a0{UNITS[unit]}"


def compact(number: int) -> str:
    """Write a count; from a million on in short, as it only says how many there are about."""
    if number < 1_000_000:
        return grouped(number)
    return str(format_compact_decimal(number, locale=get_locale(), fraction_digits=1)).replace(".", ",")


def grouped(number: float | None, unit: str = "") -> str:
    """Write a whole number in groups of three: 12.480."""
    if number is None:
        return "—"
    return f"{round(number):,}".replace(",", ".") + (f"\u00a0{unit}" if unit else "")
