"""Which addresses come in. The rule, in this order:

1. Operators and the hospital each judge on their own; who is refused by either does not come in.
2. Within one level, of all rules in force whose network contains the address, the most specific network decides.
3. Of two rules for the same network, the one that refuses decides.
4. Where no rule matches, the address comes in, unless the level admits listed addresses only.

An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) is the IPv4 address. A rule that has expired is no rule.
"""

from __future__ import annotations

import ipaddress
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from app.core.errors import InvalidValue
from app.core.i18n import _l

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
EVERYWHERE: tuple[Network, ...] = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))


@dataclass(frozen=True, slots=True)
class AddressRule:
    """A network that is let in or refused; `expires` in seconds since 1970, never where it is infinite."""

    id: str
    network: Network
    allows: bool
    portal: str | None = None
    expires: float = math.inf


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an address comes in, by whose rule; without a rule, because it is not listed or nothing was said."""

    admitted: bool
    level: str | None = None
    rule: AddressRule | None = None


def parse_address(text: str | None) -> IP | None:
    """Return an address as rules see it, or None where it is none (a Unix socket has no address)."""
    try:
        found = ipaddress.ip_address((text or "").strip().split("%", 1)[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def parse_network(text: str) -> Network:
    """Return the network that somebody typed, an address alone being the smallest; raises InvalidValue."""
    typed = text.strip()
    try:
        found = ipaddress.ip_network(typed, strict=False)
    except ValueError:
        raise InvalidValue(
            _l("Enter an address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8::/32."),
            field="network",
        ) from None
    if found.network_address != ipaddress.ip_address(typed.split("/", 1)[0].strip()):
        raise InvalidValue(
            _l(
                "This address lies inside the network %(network)s. Enter that, or the address alone.",
                network=str(found),
            ),
            field="network",
        )
    return plain(found)


def plain(network: Network) -> Network:
    """Return a network of IPv4 addresses in IPv6 clothes as the IPv4 network that it is."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96 and network.subnet_of(MAPPED):
        low = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((low, network.prefixlen - 96))
    return network


class AddressTable:
    """Rules by length and bits of their network: finding the most specific one takes a look per length in use."""

    __slots__ = ("_by_length", "size")

    def __init__(self, rules: Iterable[AddressRule]) -> None:
        found: dict[int, dict[int, dict[int, list[AddressRule]]]] = {4: {}, 6: {}}
        self.size = 0
        for rule in rules:
            network = rule.network
            shift = network.max_prefixlen - network.prefixlen
            places = found[network.version].setdefault(shift, defaultdict(list))
            places[int(network.network_address) >> shift].append(rule)
            self.size += 1
        self._by_length = {version: sorted(shifts.items()) for version, shifts in found.items()}
        for lengths in self._by_length.values():
            for _shift, places in lengths:
                for rules_here in places.values():
                    rules_here.sort(key=lambda rule: rule.allows)  # those that refuse first

    def rules(self) -> list[AddressRule]:
        """Return all rules, the widest networks last."""
        return [
            rule
            for lengths in self._by_length.values()
            for _s, places in lengths
            for here in places.values()
            for rule in here
        ]

    def find(self, address: IP, at: float) -> AddressRule | None:
        """Return the rule that decides about an address at a moment, or None."""
        bits = int(address)
        for shift, places in self._by_length[address.version]:
            for rule in places.get(bits >> shift, ()):
                if rule.expires > at:
                    return rule
        return None


@dataclass(frozen=True, slots=True)
class Level:
    """What operators, or the hospital, say of addresses in one portal; their tables are shared, never copied."""

    name: str
    tables: tuple[AddressTable, ...] = ()
    listed_only: bool = False

    @property
    def says_something(self) -> bool:
        """Tell whether this level has to be asked at all."""
        return self.listed_only or any(table.size for table in self.tables)

    def judge(self, address: IP | None, at: float) -> Verdict:
        """Apply the rule above to an address; who has none is nowhere listed."""
        found = [] if address is None else [rule for table in self.tables if (rule := table.find(address, at))]
        if not found:
            return Verdict(not self.listed_only, self.name if self.listed_only else None)
        decisive = min(found, key=lambda rule: (-rule.network.prefixlen, rule.allows))
        return Verdict(decisive.allows, self.name, decisive)


def judge(levels: Iterable[Level], address: IP | None, at: float) -> Verdict:
    """Return what all levels together say: the first refusal, else the last admission."""
    verdict = Verdict(True)
    for level in levels:
        said = level.judge(address, at)
        if not said.admitted:
            return said
        verdict = said if said.rule is not None else verdict
    return verdict


def admits_anybody(rules: Iterable[AddressRule], listed_only: bool, at: float) -> bool:
    """Tell whether there is an address at all that these rules of one level let in, now and after rules expire."""
    known = list(rules)
    moments = {at, math.inf, *(rule.expires for rule in known if rule.allows and rule.expires > at)}
    return all(_admits(known, listed_only, moment) for moment in moments)


def _admits(rules: list[AddressRule], listed_only: bool, at: float) -> bool:
    decided: dict[Network, bool] = {}
    for rule in rules:
        if rule.expires > at or rule.expires == math.inf:
            decided[rule.network] = decided.get(rule.network, True) and rule.allows
    open_ones = [network for network, allows in decided.items() if allows]
    if not listed_only:
        open_ones += [network for network in EVERYWHERE if network not in decided]
    return any(not _is_covered(network, decided) for network in open_ones)


def _is_covered(network: Network, decided: Iterable[Network]) -> bool:
    """Tell whether more specific networks leave nothing of a network to be decided by itself."""
    inside = [
        other
        for other in decided
        if other.version == network.version and other.prefixlen > network.prefixlen and other.network_address in network
    ]
    return list(ipaddress.collapse_addresses(inside)) == [network]  # type: ignore[type-var]
