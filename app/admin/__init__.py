"""The operators' portal: how the hospitals do, never what they know."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

admin = Blueprint("admin", __name__, url_prefix="/admin")
guard(admin)

# What operators see; a new file of views is added here.
from app.admin import (  # noqa: E402
    audit,
    backups,
    clusters,
    configuration,
    credentials,
    dead_letters,
    exit_kits,
    facts,
    gateway,
    health,
    hospitals,
    identity,
    lifecycle,
    migrations,
    moving,
    operations,
    operator_sessions,
    operators,
    queues,
    restores,
    security,
    sessions,
    showcase,
    support,
    sync,
    tabs,
    words,
)

__all__ = [
    "admin",
    "audit",
    "backups",
    "clusters",
    "configuration",
    "credentials",
    "dead_letters",
    "exit_kits",
    "facts",
    "gateway",
    "health",
    "hospitals",
    "identity",
    "lifecycle",
    "migrations",
    "moving",
    "operations",
    "operator_sessions",
    "operators",
    "queues",
    "restores",
    "security",
    "sessions",
    "showcase",
    "support",
    "sync",
    "tabs",
    "words",
]
