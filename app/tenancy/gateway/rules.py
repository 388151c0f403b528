"""What the gateway of one portal of one hospital does, put together from what operators and the hospital say. Pure.

Operators' values take the place of the built-in ones, the strictest of them where several rows speak of the portal.
The hospital's own are added to that: of a limit the stricter counts, a refusal of either refuses. Origins and sources
add up, because each names what it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, TypeVar

from app.tenancy.gateway.addresses import IP, AddressRule, AddressTable, Level, Verdict, judge, plain
from app.tenancy.policies import AccountPolicy

Number = TypeVar("Number", int, timedelta)

SIGN_INS_PER_ADDRESS = 30
LARGEST_REQUEST_KB = 1024
HSTS_SECONDS = 31_556_926
PLATFORM, HOSPITAL = "platform", "hospital"


@dataclass(frozen=True, slots=True)
class Rates:
    """What a row, or several put together, say of one portal; None and empty: nothing."""

    requests_per_address: int | None = None
    requests_per_person: int | None = None
    sign_ins_per_address: int | None = None
    largest_request_kb: int | None = None
    hsts_days: int | None = None
    allow_list_only: bool = False
    cors_origins: tuple[str, ...] = ()
    cors_credential_origins: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    connect_sources: tuple[str, ...] = ()
    image_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a row, or several put together, say of accounts; None: nothing."""

    idle: timedelta | None = None
    absolute: timedelta | None = None
    confirm_after: timedelta | None = None
    second_factor_required: bool = False
    shortest_password: int | None = None
    password_history: int | None = None
    password_expires: timedelta | None = None


SILENT = Policy()


@dataclass(frozen=True)
class Source:
    """All rows of one owner: of the platform, of operators about a hospital, or the hospital's own."""

    rates: tuple[tuple[str | None, Rates], ...] = ()
    policies: tuple[tuple[str | None, Policy], ...] = ()
    addresses: tuple[AddressRule, ...] = ()
    _tables: dict[str | None, AddressTable] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, rows: Mapping[str, Any]) -> Source:
        """Return what `reading` found, or what Redis remembers of it."""
        return cls(
            rates=tuple((row["portal"], _rates_of(row)) for row in rows["rates"]),
            policies=tuple((row["portal"], _policy_of(row)) for row in rows["policies"]),
            addresses=tuple(_address_of(row) for row in rows["addresses"]),
        )

    def rates_of(self, portal: str | None) -> Rates:
        """Return the strictest of what is said of a portal."""
        return strictest(said for of, said in self.rates if of in (None, portal))

    def policies_of(self, portal: str | None) -> list[Policy]:
        """Return what is said of a portal's accounts."""
        return [said for of, said in self.policies if of in (None, portal)]

    def addresses_of(self, portal: str | None) -> list[AddressRule]:
        """Return the address rules that count in a portal."""
        return [rule for rule in self.addresses if rule.portal in (None, portal)]

    def table(self, portal: str | None) -> AddressTable:
        """Return the address rules of a portal, arranged once for all hospitals that share them."""
        if portal not in self._tables:
            self._tables[portal] = AddressTable(self.addresses_of(portal))
        return self._tables[portal]


NOTHING = Source()


@dataclass(frozen=True, slots=True)
class Gateway:
    """What counts for one portal, compiled: asked on every request."""

    portal: str | None
    levels: tuple[Level, ...] = ()
    requests_per_address: int | None = None
    requests_per_person: int | None = None
    sign_ins_per_address: int = SIGN_INS_PER_ADDRESS
    largest_request: int = LARGEST_REQUEST_KB * 1024
    hsts_seconds: int = HSTS_SECONDS
    cors: Mapping[str, bool] = field(default_factory=dict)
    frame_ancestors: tuple[str, ...] = ()
    connect_sources: tuple[str, ...] = ()
    image_sources: tuple[str, ...] = ()
    floor: Policy = SILENT
    own_policy: Policy = SILENT

    def judge(self, address: IP | None, at: float) -> Verdict:
        """Tell whether an address comes in, and by which rule."""
        return judge(self.levels, address, at)

    def policy_over(self, built_in: AccountPolicy) -> AccountPolicy:
        """Return the account policy that counts, on top of the built-in one."""
        if self.floor is SILENT and self.own_policy is SILENT:
            return built_in
        return apply(built_in, self.floor, self.own_policy)


def compile_gateway(portal: str | None, platform: Source, about: Source, own: Source) -> Gateway:
    """Put together what the platform, operators about this hospital, and the hospital itself say of a portal."""
    central, said = strictest([platform.rates_of(portal), about.rates_of(portal)]), own.rates_of(portal)
    levels = (
        Level(PLATFORM, (platform.table(portal), about.table(portal)), central.allow_list_only),
        Level(HOSPITAL, (own.table(portal),), said.allow_list_only),
    )
    credentials = {*central.cors_credential_origins, *said.cors_credential_origins}
    origins = dict.fromkeys((*central.cors_origins, *said.cors_origins, *sorted(credentials)))
    return Gateway(
        portal=portal,
        levels=tuple(level for level in levels if level.says_something),
        requests_per_address=_least(central.requests_per_address, said.requests_per_address),
        requests_per_person=_least(central.requests_per_person, said.requests_per_person),
        sign_ins_per_address=_least(central.sign_ins_per_address or SIGN_INS_PER_ADDRESS, said.sign_ins_per_address)
        or SIGN_INS_PER_ADDRESS,
        largest_request=1024 * (_least(central.largest_request_kb or LARGEST_REQUEST_KB, said.largest_request_kb) or 0),
        hsts_seconds=_most(_seconds(central.hsts_days, HSTS_SECONDS), _seconds(said.hsts_days, 0)) or 0,
        cors={origin: origin in credentials for origin in origins},
        frame_ancestors=_together(central.frame_ancestors, said.frame_ancestors),
        connect_sources=_together(central.connect_sources, said.connect_sources),
        image_sources=_together(central.image_sources, said.image_sources),
        floor=strictest_policy([*platform.policies_of(portal), *about.policies_of(portal)]),
        own_policy=strictest_policy(own.policies_of(portal)),
    )


def strictest(said: Iterable[Rates]) -> Rates:
    """Put together what several rows say: the least of what may be, all that is named."""
    rows = [row for row in said if row != Rates()]
    if len(rows) < 2:
        return rows[0] if rows else Rates()
    return Rates(
        requests_per_address=_least(*(row.requests_per_address for row in rows)),
        requests_per_person=_least(*(row.requests_per_person for row in rows)),
        sign_ins_per_address=_least(*(row.sign_ins_per_address for row in rows)),
        largest_request_kb=_least(*(row.largest_request_kb for row in rows)),
        hsts_days=_most(*(row.hsts_days for row in rows)),
        allow_list_only=any(row.allow_list_only for row in rows),
        cors_origins=_together(*(row.cors_origins for row in rows)),
        cors_credential_origins=_together(*(row.cors_credential_origins for row in rows)),
        frame_ancestors=_together(*(row.frame_ancestors for row in rows)),
        connect_sources=_together(*(row.connect_sources for row in rows)),
        image_sources=_together(*(row.image_sources for row in rows)),
    )


def strictest_policy(said: Iterable[Policy]) -> Policy:
    """Put together what several rows say of accounts."""
    rows = [row for row in said if row != SILENT]
    if not rows:
        return SILENT
    return Policy(
        idle=_least(*(row.idle for row in rows)),
        absolute=_least(*(row.absolute for row in rows)),
        confirm_after=_least(*(row.confirm_after for row in rows)),
        second_factor_required=any(row.second_factor_required for row in rows),
        shortest_password=_most(*(row.shortest_password for row in rows)),
        password_history=_most(*(row.password_history for row in rows)),
        password_expires=_least(*(row.password_expires for row in rows)),
    )


def apply(built_in: AccountPolicy, floor: Policy, own: Policy) -> AccountPolicy:
    """Return the policy that counts: operators' times replace the built-in ones, the hospital only makes it stricter.

    Nobody goes below the built-in length of passwords, or does without a second factor where the built-in policy asks
    for one.
    """
    return AccountPolicy(
        idle=_least(floor.idle or built_in.idle, own.idle) or built_in.idle,
        absolute=_least(floor.absolute or built_in.absolute, own.absolute) or built_in.absolute,
        confirm_after=_least(floor.confirm_after or built_in.confirm_after, own.confirm_after)
        or built_in.confirm_after,
        second_factor_required=built_in.second_factor_required
        or floor.second_factor_required
        or own.second_factor_required,
        shortest_password=_most(built_in.shortest_password, floor.shortest_password, own.shortest_password) or 0,
        password_history=_most(built_in.password_history, floor.password_history, own.password_history) or 0,
        password_expires=_least(floor.password_expires or built_in.password_expires, own.password_expires),
    )


def _least(*values: Number | None) -> Number | None:
    return _one(min, values)


def _most(*values: Number | None) -> Number | None:
    return _one(max, values)


def _one(choose: Callable[[list[Number]], Number], values: Iterable[Number | None]) -> Number | None:
    said = [value for value in values if value is not None]
    return choose(said) if said else None


def _together(*lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for entries in lists for entry in entries))


def _rates_of(row: Mapping[str, Any]) -> Rates:
    given: dict[str, Any] = {}
    for entry in fields(Rates):
        value = row[entry.name]
        given[entry.name] = tuple(value) if isinstance(value, list) else value
    return Rates(**given)


def _policy_of(row: Mapping[str, Any]) -> Policy:
    return Policy(
        idle=_minutes(row["idle_minutes"]),
        absolute=_minutes(row["absolute_minutes"]),
        confirm_after=_minutes(row["confirm_after_minutes"]),
        second_factor_required=row["second_factor_required"],
        shortest_password=row["shortest_password"],
        password_history=row["password_history"],
        password_expires=None if row["password_days"] is None else timedelta(days=row["password_days"]),
    )


def _seconds(days: int | None, otherwise: int) -> int:
    return otherwise if days is None else days * 86_400


def _minutes(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(minutes=number)


def _address_of(row: list[Any]) -> AddressRule:
    identity, network, action, portal, expires = row
    return AddressRule(
        identity, plain(ip_network(network)), action == "allow", portal, math.inf if expires is None else float(expires)
    )
