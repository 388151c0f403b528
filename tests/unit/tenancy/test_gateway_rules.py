"""What operators and the hospital say, put together: the stricter counts, and a hospital never loosens anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.tenancy.gateway.rules import (
    HSTS_SECONDS,
    NOTHING,
    SILENT,
    Gateway,
    Policy,
    Rates,
    Source,
    apply,
    compile_gateway,
    strictest,
    strictest_policy,
)
from app.tenancy.policies import DEFAULTS, AccountPolicy

NUMBER = st.none() | st.integers(30, 1000)
MINUTES = st.none() | st.integers(5, 120).map(lambda n: timedelta(minutes=n))
RATES = st.builds(
    Rates,
    requests_per_address=NUMBER,
    requests_per_person=NUMBER,
    sign_ins_per_address=NUMBER,
    largest_request_kb=st.none() | st.integers(64, 4096),
    hsts_days=st.none() | st.integers(0, 1825),
    allow_list_only=st.booleans(),
)
POLICIES = st.builds(
    Policy,
    idle=MINUTES,
    absolute=MINUTES,
    confirm_after=MINUTES,
    second_factor_required=st.booleans(),
    shortest_password=st.none() | st.integers(8, 64),
    password_history=st.none() | st.integers(0, 24),
    password_expires=st.none() | st.integers(30, 730).map(lambda n: timedelta(days=n)),
)


def said(rates: Rates | None = None, policy: Policy | None = None, portal: str | None = None) -> Source:
    return Source(rates=((portal, rates),) if rates else (), policies=((portal, policy),) if policy else ())


def compiled(platform: Source = NOTHING, about: Source = NOTHING, own: Source = NOTHING) -> Gateway:
    return compile_gateway("hospital", platform, about, own)


def test_where_nobody_says_anything_the_built_in_limits_count() -> None:
    gateway = compiled()
    assert gateway.levels == ()
    assert (gateway.requests_per_address, gateway.requests_per_person, gateway.sign_ins_per_address) == (None, None, 30)
    assert (gateway.largest_request, gateway.hsts_seconds) == (1024 * 1024, HSTS_SECONDS)
    assert gateway.policy_over(DEFAULTS["hospital"]) is DEFAULTS["hospital"]


def test_operators_may_widen_the_built_in_limits_and_a_hospital_may_not() -> None:
    wide = Rates(sign_ins_per_address=200, largest_request_kb=4096)
    assert compiled(platform=said(wide)).sign_ins_per_address == 200
    assert compiled(platform=said(wide)).largest_request == 4096 * 1024
    assert compiled(own=said(wide)).sign_ins_per_address == 30
    assert compiled(own=said(wide)).largest_request == 1024 * 1024


def test_a_row_counts_in_its_portal_only() -> None:
    strict = Rates(requests_per_address=60)
    assert compiled(own=said(strict, portal="patient")).requests_per_address is None
    assert compiled(own=said(strict, portal="hospital")).requests_per_address == 60
    assert compiled(own=said(strict)).requests_per_address == 60


@given(RATES, RATES, RATES)
def test_of_limits_the_stricter_counts_whoever_sets_it(platform: Rates, about: Rates, own: Rates) -> None:
    without, gateway = compiled(said(platform), said(about)), compiled(said(platform), said(about), said(own))
    for name in ("requests_per_address", "requests_per_person", "sign_ins_per_address", "largest_request"):
        limit, before = getattr(gateway, name), getattr(without, name)
        assert before is None or limit <= before
    for name in ("requests_per_address", "requests_per_person", "sign_ins_per_address"):
        given_limits = [value for value in (getattr(row, name) for row in (platform, about, own)) if value is not None]
        assert not given_limits or getattr(gateway, name) <= min(given_limits)
    assert gateway.hsts_seconds >= without.hsts_seconds
    assert {level.name for level in without.levels} <= {level.name for level in gateway.levels}


@given(st.lists(RATES, max_size=4))
def test_the_order_of_rows_does_not_matter(rows: list[Rates]) -> None:
    assert strictest(rows) == strictest(reversed(rows))


@given(POLICIES, POLICIES)
def test_a_hospital_only_makes_the_account_policy_stricter(floor: Policy, own: Policy) -> None:
    built_in = DEFAULTS["hospital"]
    before, after = apply(built_in, floor, SILENT), apply(built_in, floor, own)
    assert after.idle <= before.idle
    assert after.absolute <= before.absolute
    assert after.confirm_after <= before.confirm_after
    assert after.second_factor_required >= before.second_factor_required
    assert after.shortest_password >= before.shortest_password
    assert after.password_history >= before.password_history
    assert before.password_expires is None or (
        after.password_expires is not None and after.password_expires <= before.password_expires
    )


@given(POLICIES, POLICIES)
def test_nobody_goes_below_the_built_in_passwords_and_second_factor(floor: Policy, own: Policy) -> None:
    for built_in in DEFAULTS.values():
        policy = apply(built_in, floor, own)
        assert policy.shortest_password >= built_in.shortest_password
        assert policy.second_factor_required or not built_in.second_factor_required


def test_operators_times_take_the_place_of_the_built_in_ones() -> None:
    floor = strictest_policy([Policy(idle=timedelta(minutes=60)), Policy(idle=timedelta(minutes=45))])
    assert apply(DEFAULTS["hospital"], floor, SILENT).idle == timedelta(minutes=45)
    assert apply(DEFAULTS["hospital"], SILENT, Policy(idle=timedelta(minutes=60))).idle == timedelta(minutes=30)
    assert isinstance(apply(DEFAULTS["hospital"], floor, floor), AccountPolicy)


def test_origins_add_up_and_credentials_are_for_those_that_are_listed_for_them() -> None:
    gateway = compiled(
        platform=said(Rates(cors_origins=("https://a.example",))),
        own=said(Rates(cors_origins=("https://b.example",), cors_credential_origins=("https://c.example",))),
    )
    assert gateway.cors == {"https://a.example": False, "https://b.example": False, "https://c.example": True}


def test_rows_are_read_as_the_databases_give_them() -> None:
    rows: dict[str, Any] = {
        "rates": [
            {
                "portal": "hospital", "requests_per_address": 60, "requests_per_person": None,
                "sign_ins_per_address": None, "largest_request_kb": None, "hsts_days": None, "allow_list_only": True,
                "cors_origins": ["https://a.example"], "cors_credential_origins": [], "frame_ancestors": [],
                "connect_sources": [], "image_sources": [],
            }
        ],
        "policies": [
            {
                "portal": None, "idle_minutes": 10, "absolute_minutes": None, "confirm_after_minutes": None,
                "second_factor_required": True, "shortest_password": 14, "password_history": None,
                "password_days": 90,
            }
        ],
        "addresses": [
            ["1", "::ffff:10.0.0.0/104", "deny", None, 1e12], ["2", "2001:db8::/32", "allow", "patient", None],
        ],
    }  # fmt: skip
    gateway = compiled(own=Source.read(rows))
    assert gateway.requests_per_address == 60
    assert gateway.own_policy.password_expires == timedelta(days=90)
    (level,) = gateway.levels
    assert level.listed_only
    assert [str(rule.network) for rule in Source.read(rows).addresses_of("hospital")] == ["10.0.0.0/8"]
