"""Whose rules are looked at or edited: the operators' for the platform or for one hospital, or a hospital's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.tenancy.audit import record_platform_change
from app.tenancy.gateway.reading import read_central, read_own
from app.tenancy.gateway.rules import HOSPITAL, PLATFORM, Source
from app.tenancy.models import GatewayRule, IpAccessRule, SecurityConfig
from app.tenancy.registry import HospitalEntry
from app.tenancy.security_events import record_platform_security_event

Record = Callable[[Actor, str, str, UUID, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Where rules are kept, about which hospital they are, and how a change of them is written down."""

    level: str
    hospital: HospitalEntry | None
    portals: tuple[str | None, ...]
    rules: Any
    addresses: Any
    policies: Any
    record: Record

    @property
    def code(self) -> str | None:
        """Return the code of the hospital that the rules are about."""
        return self.hospital.code if self.hospital else None

    @property
    def is_own(self) -> bool:
        """Tell whether these are a hospital's own rules."""
        return self.level == HOSPITAL

    @property
    def place(self) -> dict[str, Any]:
        """Return the columns that say whose rows these are, beside the portal."""
        if self.is_own:
            return {}
        return {"hospital_id": self.hospital.id if self.hospital else None}

    def of(self, model: Any) -> list[sa.ColumnElement[bool]]:
        """Return the condition under which rows are this owner's."""
        return [getattr(model, name).is_not_distinct_from(value) for name, value in self.place.items()]

    def source(self) -> Source:
        """Return the owner's rules as the present transaction sees them, what it has changed included."""
        db.session.flush()
        connection = db.session.connection(bind_arguments={"mapper": sa.inspect(self.rules)})
        return Source.read(read_own(connection) if self.is_own else read_central(connection, self.place["hospital_id"]))


def platform_rules() -> Owner:
    """Return the rules that operators make for the whole platform."""
    return _central(None, (None, "admin", "hospital", "patient"))


def rules_about(hospital: HospitalEntry) -> Owner:
    """Return the rules that operators make for one hospital."""
    return _central(hospital, (None, "hospital", "patient"))


def _central(hospital: HospitalEntry | None, portals: tuple[str | None, ...]) -> Owner:
    hospital_id = hospital.id if hospital else None

    def record(actor: Actor, action: str, subject_type: str, subject_id: UUID, changes: dict[str, Any]) -> None:
        record_platform_change(
            db.session(),
            actor,
            action,
            subject_type=subject_type,
            subject_id=subject_id,
            hospital_id=hospital_id,
            changes=changes,
            risk="medium",
        )
        record_platform_security_event(
            actor,
            "gateway.change",
            subject_type=subject_type,
            subject_id=subject_id,
            hospital_id=hospital_id,
            details={"action": action, **changes},
        )

    return Owner(PLATFORM, hospital, portals, GatewayRule, IpAccessRule, SecurityConfig, record)
