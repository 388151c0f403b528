"""Which addresses come in: the rule that `app.tenancy.gateway.addresses` writes down."""

from __future__ import annotations

import math
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.tenancy.gateway.addresses import (
    AddressRule,
    AddressTable,
    Level,
    admits_anybody,
    judge,
    parse_address,
    parse_network,
)

NOW = 1_000.0


def rule(network: str, allows: bool = False, expires: float = math.inf, portal: str | None = None) -> AddressRule:
    return AddressRule(f"{network}-{allows}-{expires}", ip_network(network), allows, portal, expires)


def level(*rules: AddressRule, listed_only: bool = False, name: str = "platform") -> Level:
    return Level(name, (AddressTable(rules),), listed_only)


def comes_in(address: str, *levels: Level, at: float = NOW) -> bool:
    return judge(levels, parse_address(address), at).admitted


def test_where_nobody_said_anything_everybody_comes_in() -> None:
    assert comes_in("203.0.113.7", level())
    assert comes_in("2001:db8::1", level())


def test_the_most_specific_network_decides() -> None:
    rules = level(rule("10.0.0.0/8"), rule("10.1.0.0/16", True), rule("10.1.2.0/24"), rule("10.1.2.3/32", True))
    assert [comes_in(address, rules) for address in ("10.9.9.9", "10.1.9.9", "10.1.2.9", "10.1.2.3")] == [
        False,
        True,
        False,
        True,
    ]


def test_of_two_rules_for_one_network_the_refusal_decides() -> None:
    assert not comes_in("10.0.0.1", level(rule("10.0.0.0/8", True), rule("10.0.0.0/8")))
    apart = Level("platform", (AddressTable([rule("10.0.0.0/8", True)]), AddressTable([rule("10.0.0.0/8")])))
    assert not comes_in("10.0.0.1", apart)


def test_a_level_that_admits_listed_addresses_only_refuses_the_rest() -> None:
    listed = level(rule("10.0.0.0/8", True), rule("10.0.0.66/32"), listed_only=True)
    assert comes_in("10.0.0.1", listed)
    assert not comes_in("10.0.0.66", listed)
    assert not comes_in("11.0.0.1", listed)
    assert not comes_in("2001:db8::1", listed)


@pytest.mark.parametrize("refusing", ["platform", "hospital"])
def test_a_refusal_of_either_level_refuses(refusing: str) -> None:
    levels = [level(rule("10.0.0.1/32", allows=name != refusing), name=name) for name in ("platform", "hospital")]
    verdict = judge(levels, parse_address("10.0.0.1"), NOW)
    assert not verdict.admitted
    assert verdict.level == refusing


def test_an_expired_rule_is_no_rule_and_uncovers_the_one_behind_it() -> None:
    rules = level(rule("10.0.0.0/8"), rule("10.0.0.1/32", True, expires=NOW + 60))
    assert comes_in("10.0.0.1", rules, at=NOW)
    assert not comes_in("10.0.0.1", rules, at=NOW + 60)
    assert not comes_in("10.0.0.1", level(rule("10.0.0.0/8", expires=NOW + 1)), at=NOW)
    assert comes_in("10.0.0.1", level(rule("10.0.0.0/8", expires=NOW + 1)), at=NOW + 2)


def test_an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() -> None:
    rules = level(rule("192.0.2.0/24"))
    assert not comes_in("::ffff:192.0.2.7", rules)
    assert not comes_in("::FFFF:c000:207", rules)
    assert comes_in("::ffff:192.0.3.7", rules)
    assert parse_network("::ffff:192.0.2.0/120") == ip_network("192.0.2.0/24")


def test_rules_for_ipv6_know_nothing_of_ipv4() -> None:
    assert comes_in("192.0.2.7", level(rule("::/0")))
    assert not comes_in("2001:db8::1", level(rule("::/0")))
    assert not comes_in("fe80::1%eth0", level(rule("fe80::/10")))


@pytest.mark.parametrize("text", [None, "", "unix:", "a.b.c.d", "10.0.0.1, 10.0.0.2", "10.0.0.1:80", "010.0.0.1"])
def test_who_has_no_address_is_nowhere_listed(text: str | None) -> None:
    assert parse_address(text) is None
    assert judge([level(rule("10.0.0.0/8"))], parse_address(text), NOW).admitted
    assert not judge([level(rule("0.0.0.0/0", True), listed_only=True)], parse_address(text), NOW).admitted


@pytest.mark.parametrize(
    "text", ["", "hospital", "10.0.0.0/33", "10.0.0.0/-1", "1.2.3", "10.0.0.1/8", "2001:db8::1/32", "*"]
)
def test_what_is_no_network_is_not_taken(text: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        parse_network(text)
    assert raised.value.field == "network"


def test_an_address_alone_is_the_smallest_network() -> None:
    assert parse_network(" 10.0.0.1 ") == ip_network("10.0.0.1/32")
    assert parse_network("2001:db8::1") == ip_network("2001:db8::1/128")


def test_ten_thousand_rules_are_asked() -> None:
    rules = [rule(f"10.{n // 256}.{n % 256}.0/24") for n in range(5_000)]
    rules += [rule(f"2001:db8:{n:x}::/48") for n in range(5_000)]
    table = level(*rules)
    assert not comes_in("10.19.100.1", table)
    assert comes_in("10.200.1.1", table)
    assert not comes_in("2001:db8:1387::1", table)


NETWORKS = st.one_of(
    st.builds(lambda bits, length: f"{ip_address(bits & ~((1 << 32 - length) - 1) & 0xFFFFFFFF)}/{length}",
              st.integers(0, 255).map(lambda n: n << 24 | n), st.integers(0, 32)),
    st.builds(lambda low, length: str(ip_network((low >> 128 - length << 128 - length, length))),
              st.integers(0, 255).map(lambda n: n << 120 | n), st.integers(0, 128)),
)  # fmt: skip
RULES = st.builds(rule, NETWORKS, st.booleans(), st.sampled_from([math.inf, NOW - 1, NOW, NOW + 1]))
ADDRESSES = st.one_of(
    st.integers(0, 255).map(lambda n: str(ip_address(n << 24 | n))),
    st.integers(0, 255).map(lambda n: str(ip_address(n << 120 | n))),
)


def as_written(rules: list[AddressRule], listed_only: bool, address: str, at: float) -> bool:
    """Apply the rule's four sentences one by one."""
    matching = [one for one in rules if one.expires > at and ip_address(address) in one.network]
    if not matching:
        return not listed_only
    longest = max(one.network.prefixlen for one in matching)
    return all(one.allows for one in matching if one.network.prefixlen == longest)


@given(st.lists(RULES, max_size=12), st.booleans(), ADDRESSES)
def test_the_table_decides_as_the_rule_is_written(rules: list[AddressRule], listed_only: bool, address: str) -> None:
    assert comes_in(address, level(*rules, listed_only=listed_only)) == as_written(rules, listed_only, address, NOW)


@given(st.lists(RULES, max_size=8), st.lists(RULES, max_size=8), ADDRESSES)
def test_another_level_never_lets_in_who_was_refused(
    first: list[AddressRule], second: list[AddressRule], address: str
) -> None:
    alone = comes_in(address, level(*first))
    assert not (comes_in(address, level(*first), level(*second, name="hospital")) and not alone)


@given(st.lists(RULES, max_size=12), st.booleans(), ADDRESSES)
def test_where_nobody_is_said_to_come_in_nobody_does(rules: list[AddressRule], listed_only: bool, address: str) -> None:
    lasting = [one for one in rules if one.expires == math.inf]
    if not admits_anybody(lasting, listed_only, NOW):
        assert not comes_in(address, level(*lasting, listed_only=listed_only))


@pytest.mark.parametrize(
    ("rules", "listed_only", "expected"),
    [
        ([], False, True),
        ([], True, False),
        ([rule("0.0.0.0/0"), rule("::/0")], False, False),
        ([rule("0.0.0.0/0"), rule("::/0"), rule("10.0.0.1", True)], False, True),
        ([rule("0.0.0.0/1"), rule("128.0.0.0/1"), rule("::/1"), rule("8000::/1")], False, False),
        ([rule("10.0.0.1", True)], True, True),
        ([rule("10.0.0.1", True), rule("10.0.0.1")], True, False),
        ([rule("10.0.0.0/31", True), rule("10.0.0.0"), rule("10.0.0.1")], True, False),
        ([rule("10.0.0.1", True, expires=NOW + 60)], True, False),
        ([rule("10.0.0.1", True, expires=NOW + 60), rule("10.0.0.2", True)], True, True),
    ],
)
def test_rules_that_shut_everybody_out_are_found(rules: list[AddressRule], listed_only: bool, expected: bool) -> None:
    assert admits_anybody(rules, listed_only, NOW) is expected
