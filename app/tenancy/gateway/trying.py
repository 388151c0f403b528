"""Trying rules before they count: whoever edits them is not to shut themselves out without knowing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core import clock
from app.core.actor import Actor
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.tenancy.gateway.addresses import Verdict, admits_anybody, parse_address
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.rules import NOTHING, Gateway, compile_gateway
from app.tenancy.gateway.store import gateway_store
from app.tenancy.policies import DEFAULTS


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits rules, in which portal, and how that session came to be.

    `accepts` is the address whose refusal was confirmed in so many words.
    """

    actor: Actor
    portal: str
    began_at: datetime | None = None
    accepts: str | None = None

    @property
    def address(self) -> str | None:
        """Return from where; None for the command line, which no address rule keeps out."""
        return self.actor.address


class WouldLockOut(Conflict):
    """The rules would end the editor's own access; saving them needs a confirmation that names the address."""

    title = _l("You would lose access yourself")
    default_message = _l("Nothing has been saved yet.")

    def __init__(self, address: str, why: str, verdict: Verdict | None = None) -> None:
        super().__init__()
        self.address = address
        self.why = why
        self.verdict = verdict


class NobodyLeft(InvalidValue):
    default_message = _l("With this rule no address could reach the operators' portal any more. It was not saved.")
    remedy = _l("First allow the addresses from which operators work.")


def try_rules(owner: Owner, editor: Editor) -> None:
    """Hold the rules as they stand in this transaction against their editor.

    Raises NobodyLeft where nobody could reach the operators' portal, and WouldLockOut where the editor could not and
    has not confirmed that.
    """
    if owner.level == "platform" and owner.hospital is not None and editor.portal == "admin":
        return  # what counts at a hospital does not count in the operators' portal
    gateway = _as_it_would_be(owner, editor.portal)
    if editor.address is None or editor.accepts == editor.address:
        return
    verdict = gateway.judge(parse_address(editor.address), clock.now().timestamp())
    if not verdict.admitted:
        raise WouldLockOut(editor.address, "address", verdict)
    policy = gateway.policy_over(DEFAULTS[editor.portal])
    if editor.began_at is not None and clock.now() - editor.began_at >= policy.absolute:
        raise WouldLockOut(editor.address, "session")


def _as_it_would_be(owner: Owner, portal: str) -> Gateway:
    candidate = owner.source()
    if owner.is_own:
        return compile_gateway(portal, *gateway_store().central_sources(owner.hospital), candidate)
    if portal == "admin":
        listed_only = candidate.rates_of("admin").allow_list_only
        if not admits_anybody(candidate.addresses_of("admin"), listed_only, clock.now().timestamp()):
            raise NobodyLeft
    return compile_gateway(portal, candidate, NOTHING, NOTHING)


def explain(gateway: Gateway, address: str) -> dict[str, Any]:
    """Say what would happen to an address, and by which rule; raises InvalidValue for what is none."""
    parsed = parse_address(address)
    if parsed is None:
        raise InvalidValue(_l("Enter an address such as 203.0.113.7 or 2001:db8::7."), field="address")
    verdict = gateway.judge(parsed, clock.now().timestamp())
    return {"address": str(parsed), "verdict": verdict}
