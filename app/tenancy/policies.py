"""How long people stay signed in and how they prove who they are: per portal, and per hospital where it says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import has_app_context


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """What holds for the accounts and sessions of one portal of one hospital, or of the operators' portal."""

    idle: timedelta
    absolute: timedelta
    confirm_after: timedelta
    second_factor_required: bool
    shortest_password: int
    password_history: int = 0
    password_expires: timedelta | None = None


DEFAULTS = {
    "admin": AccountPolicy(
        idle=timedelta(minutes=20),
        absolute=timedelta(hours=8),
        confirm_after=timedelta(minutes=10),
        second_factor_required=True,
        shortest_password=12,
    ),
    "hospital": AccountPolicy(
        idle=timedelta(minutes=30),
        absolute=timedelta(hours=12),
        confirm_after=timedelta(minutes=10),
        second_factor_required=True,
        shortest_password=12,
    ),
    "patient": AccountPolicy(
        idle=timedelta(minutes=30),
        absolute=timedelta(hours=12),
        confirm_after=timedelta(minutes=10),
        second_factor_required=False,
        shortest_password=8,
    ),
}


def account_policy(portal: str) -> AccountPolicy:
    """Return the policy of a portal: the platform's, made stricter by the bound hospital where one is bound."""
    if not has_app_context():
        return DEFAULTS[portal]
    from app.tenancy.gateway.store import gateway_of  # which compiles these policies, among other things

    return gateway_of(portal).policy_over(DEFAULTS[portal])
