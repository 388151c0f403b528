"""Access rules: rates, addresses, origins, headers and account policies, as operators set them.

A hospital has the same three tables of its own in its own database; the columns of both are written here once. A row
without a portal counts in every portal of its owner, one without a hospital at every hospital.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, CIDR
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.core.db import CentralModel, Edited, Identified, Versioned


class AddressAction(enum.StrEnum):
    ALLOW = "allow"
    DENY = "deny"


def _texts(doc: str) -> Any:
    return mapped_column(ARRAY(sa.Text), default=list, server_default="{}", doc=doc)


class GatewayRuleColumns:
    """How often and how much may be asked for, from which origins, and what browsers are told. Empty: nothing said."""

    portal: Mapped[str | None]
    requests_per_address: Mapped[int | None] = mapped_column(doc="a minute")
    requests_per_person: Mapped[int | None] = mapped_column(doc="a minute")
    sign_ins_per_address: Mapped[int | None] = mapped_column(doc="tries a minute")
    largest_request_kb: Mapped[int | None]
    allow_list_only: Mapped[bool] = mapped_column(
        default=False, server_default=sa.false(), doc="only addresses that a rule allows come in"
    )
    cors_origins: Mapped[list[str]] = _texts("origins whose pages may read answers")
    cors_credential_origins: Mapped[list[str]] = _texts("of these, who may do so as the person signed in")
    frame_ancestors: Mapped[list[str]] = _texts("origins whose pages may show ours in a frame")
    connect_sources: Mapped[list[str]] = _texts("further origins that our pages may ask")
    image_sources: Mapped[list[str]] = _texts("further origins of pictures")
    hsts_days: Mapped[int | None] = mapped_column(doc="for so long browsers stay with https")
    updated_by_name: Mapped[str | None]


class IpAccessRuleColumns:
    """An address or network that is let in or refused, why, by whom and until when."""

    portal: Mapped[str | None]
    network: Mapped[Any] = mapped_column(CIDR)
    action: Mapped[AddressAction]
    reason: Mapped[str]
    expires_at: Mapped[datetime | None]
    created_by_name: Mapped[str]


class SecurityConfigColumns:
    """How people prove who they are and how long they stay signed in. Empty: nothing said."""

    portal: Mapped[str | None]
    idle_minutes: Mapped[int | None]
    absolute_minutes: Mapped[int | None]
    confirm_after_minutes: Mapped[int | None]
    second_factor_required: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    shortest_password: Mapped[int | None]
    password_history: Mapped[int | None] = mapped_column(doc="so many earlier passwords are not taken again")
    password_days: Mapped[int | None] = mapped_column(doc="a password has to be changed after so long")
    updated_by_name: Mapped[str | None]


def _names_a_portal() -> sa.CheckConstraint:
    return sa.CheckConstraint("portal IN ('admin', 'hospital', 'patient')", name="names_a_portal")


def rule_constraints(*owner: str) -> tuple[Any, ...]:
    """Return what holds for a table of rules: one row for each owner and portal, and bearable limits."""
    return (
        _names_a_portal(),
        sa.CheckConstraint(
            "requests_per_address >= 30 AND requests_per_person >= 30 AND sign_ins_per_address >= 3",
            name="lets_people_work",
        ),
        sa.CheckConstraint("largest_request_kb BETWEEN 64 AND 102400", name="bounds_requests"),
        sa.CheckConstraint("hsts_days BETWEEN 0 AND 1825", name="bounds_hsts"),
        sa.UniqueConstraint(*owner, "portal", postgresql_nulls_not_distinct=True),
    )


def config_constraints(*owner: str) -> tuple[Any, ...]:
    """Return what holds for a table of account policies."""
    return (
        _names_a_portal(),
        sa.CheckConstraint(
            "idle_minutes BETWEEN 5 AND 120 AND absolute_minutes BETWEEN 30 AND 1440"
            " AND confirm_after_minutes BETWEEN 1 AND 60",
            name="bounds_sessions",
        ),
        sa.CheckConstraint(
            "shortest_password BETWEEN 8 AND 64 AND password_history BETWEEN 0 AND 24"
            " AND password_days BETWEEN 30 AND 730",
            name="bounds_passwords",
        ),
        sa.UniqueConstraint(*owner, "portal", postgresql_nulls_not_distinct=True),
    )


def address_constraints() -> tuple[Any, ...]:
    """Return what holds for a table of address rules."""
    return (_names_a_portal(),)


class _OfHospital:
    """Whose rule it is: of one hospital, or where none is named of the whole platform."""

    @declared_attr
    def hospital_id(cls) -> Mapped[UUID | None]:  # noqa: N805
        return mapped_column(sa.ForeignKey("hospitals.id"), index=True)


class GatewayRule(Identified, Edited, Versioned, _OfHospital, GatewayRuleColumns, CentralModel):
    """What operators say of one portal, of one hospital, or of all."""

    __tablename__ = "gateway_rules"
    __table_args__ = rule_constraints("hospital_id")


class IpAccessRule(Identified, Edited, Versioned, _OfHospital, IpAccessRuleColumns, CentralModel):
    """An address or network that operators let in or refuse."""

    __tablename__ = "ip_access_rules"
    __table_args__ = address_constraints()


class SecurityConfig(Identified, Edited, Versioned, _OfHospital, SecurityConfigColumns, CentralModel):
    """The floor below which no hospital's account policy goes."""

    __tablename__ = "security_configs"
    __table_args__ = config_constraints("hospital_id")
