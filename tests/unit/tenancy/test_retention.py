"""Whatever the policy and whatever was taken when: the right backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.tenancy.backups.policies import MOST, Policy
from app.tenancy.backups.retention import Kept, choose_kept

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

moments = st.datetimes(datetime(2019, 1, 1), NOW.replace(tzinfo=None)).map(lambda at: at.replace(tzinfo=UTC))
backups = st.lists(st.tuples(moments, st.booleans(), st.sampled_from([None, -1, 30])), max_size=40).map(
    lambda rows: [
        Kept(UUID(int=number), at, proven, None if days is None else NOW + timedelta(days=days))
        for number, (at, proven, days) in enumerate(rows)
    ]
)
policies = st.builds(
    Policy,
    **{name: st.integers(1 if name == "keep_daily" else 0, 12) for name in MOST if name.startswith("keep")},
)


@given(backups, policies)
def test_the_newest_the_newest_proven_and_the_pinned_always_stay(taken: list[Kept], policy: Policy) -> None:
    kept = choose_kept(taken, policy, NOW)
    assert kept <= {backup.id for backup in taken}
    if taken:
        newest = max(backup.taken_at for backup in taken)
        assert any(backup.taken_at == newest and backup.id in kept for backup in taken)
    proven = [backup for backup in taken if backup.proven]
    if proven:
        newest = max(backup.taken_at for backup in proven)
        assert any(backup.taken_at == newest and backup.id in kept for backup in proven)
    assert all(b.id in kept for b in taken if b.pinned_until is not None and b.pinned_until > NOW)


@given(backups, policies)
def test_removing_and_choosing_again_removes_nothing_more(taken: list[Kept], policy: Policy) -> None:
    kept = choose_kept(taken, policy, NOW)
    left = [backup for backup in taken if backup.id in kept]
    assert choose_kept(left, policy, NOW) == kept


@given(backups, policies)
def test_no_more_stay_than_the_policy_says(taken: list[Kept], policy: Policy) -> None:
    pinned = sum(backup.pinned_until is not None and backup.pinned_until > NOW for backup in taken)
    allowed = policy.keep_daily + policy.keep_weekly + policy.keep_monthly + policy.keep_yearly + pinned + 2
    assert len(choose_kept(taken, policy, NOW)) <= allowed


def test_two_years_of_nights_leave_days_weeks_months_and_years() -> None:
    nights = [Kept(UUID(int=n), NOW - timedelta(days=n)) for n in range(800)]
    kept = sorted((night.taken_at for night in nights if night.id in choose_kept(nights, Policy(), NOW)), reverse=True)
    assert kept[:7] == [NOW - timedelta(days=n) for n in range(7)]
    assert len({at.isocalendar()[:2] for at in kept}) >= 4
    assert len({(at.year, at.month) for at in kept}) == 12 + 1  # and the last night of the year before
    assert {at.year for at in kept} == {2024, 2025, 2026}
    assert len(kept) < 7 + 4 + 12 + 3
