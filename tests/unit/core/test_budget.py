"""One budget over many databases: who gets a connection, whose idle one is closed for it, who waits how long."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.budget import ConnectionBudget, Grant, Share


class Record:
    """A pool's entry as far as the budget knows it; counts itself among what is open."""

    def __init__(self, census: Census) -> None:
        self.dbapi_connection: object | None = object()
        self.census = census
        census.add(1)

    def close(self) -> None:
        if self.dbapi_connection is not None:
            self.dbapi_connection = None
            self.census.add(-1)


class Census:
    """How many are open, and the most that ever were."""

    def __init__(self) -> None:
        self.open = self.most = 0
        self._lock = threading.Lock()

    def add(self, by: int) -> None:
        with self._lock:
            self.open += by
            self.most = max(self.most, self.open)


@pytest.fixture
def census() -> Census:
    return Census()


def budget_of(limit: int, timeout: float = 0.05) -> ConnectionBudget:
    return ConnectionBudget(limit, timeout=timeout)


def take(budget: ConnectionBudget, share: Share, census: Census) -> Any:
    """Take a connection as a pool does."""
    grant: Grant = budget.take(share)
    if grant.closing is not None:
        grant.closing.close()
    return grant.record or Record(census)


def put(budget: ConnectionBudget, share: Share, *records: Any) -> None:
    for record in records:
        budget.put(share, record)


def test_an_idle_connection_is_used_again(census: Census) -> None:
    budget = budget_of(5)
    share = budget.share(5, kept=2)
    first = take(budget, share, census)
    put(budget, share, first)
    assert take(budget, share, census) is first
    assert budget.statistics().opened == 1


def test_a_share_never_has_more_than_its_part(census: Census) -> None:
    budget = budget_of(10)
    share = budget.share(2, kept=2)
    take(budget, share, census), take(budget, share, census)
    with pytest.raises(PoolTimeout):
        take(budget, share, census)
    assert census.open == 2


def test_where_the_budget_is_spent_the_longest_unused_idle_connection_goes(census: Census) -> None:
    budget = budget_of(3)
    shares = [budget.share(3, kept=2) for _ in range(4)]
    held = [take(budget, share, census) for share in shares[:3]]
    for share, record in zip(shares, held, strict=False):
        put(budget, share, record)
    take(budget, shares[3], census)
    assert [share.open for share in shares] == [0, 1, 1, 1]
    assert census.most == 3
    assert budget.statistics().evictions == 1


def test_a_protected_share_is_asked_last(census: Census) -> None:
    budget = budget_of(2)
    regular, passing, new = (budget.share(2, kept=2) for _ in range(3))
    regular.protected = True
    for share in (regular, passing):
        put(budget, share, take(budget, share, census))
    take(budget, new, census)
    assert (regular.open, passing.open) == (1, 0)


def test_who_finds_nothing_idle_waits_and_is_served_by_the_next_that_comes_back(census: Census) -> None:
    budget = budget_of(1, timeout=60)
    one, two = budget.share(1, kept=1), budget.share(1, kept=1)
    held = take(budget, one, census)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(take, budget, two, census)
        while not budget.statistics().waiting:
            time.sleep(0.001)
        put(budget, one, held)
        waiting.result(60)
    assert (one.open, two.open) == (0, 1)
    assert census.most == 1
    assert budget.statistics().waits == 1


def test_who_waits_too_long_is_told_so_and_is_not_served_later(census: Census) -> None:
    budget = budget_of(1)
    one, two = budget.share(1, kept=1), budget.share(1, kept=1)
    held = take(budget, one, census)
    with pytest.raises(PoolTimeout, match=r"within 0\.05 s"):
        take(budget, two, census)
    put(budget, one, held)
    facts = budget.statistics()
    assert (facts.waiting, facts.timeouts, facts.in_use, facts.idle) == (0, 1, 0, 1)


def test_the_share_with_the_fewest_in_use_is_served_before_one_that_floods(census: Census) -> None:
    budget = budget_of(4, timeout=60)
    flooding, modest = budget.share(3, kept=3), budget.share(3, kept=3)
    other = budget.share(1, kept=1)
    held = [take(budget, flooding, census), take(budget, flooding, census), take(budget, other, census)]
    last = take(budget, budget.share(1, kept=1), census)
    served: list[str] = []

    def ask(share: Share, name: str) -> None:
        take(budget, share, census)
        served.append(name)

    with ThreadPoolExecutor(4) as pool:
        for number in range(2):
            pool.submit(ask, flooding, f"flooding {number}")
        while budget.statistics().waiting < 2:
            time.sleep(0.001)
        asked = pool.submit(ask, modest, "modest")
        while budget.statistics().waiting < 3:
            time.sleep(0.001)
        put(budget, other, held[2])
        asked.result(60)
        assert served == ["modest"]
        put(budget, flooding, *held[:2])
        last.close()
        put(budget, other, last)
    assert census.most <= 4


def test_what_is_reserved_is_there_when_it_is_needed(census: Census) -> None:
    budget = budget_of(4)
    central = budget.share(4, kept=2, reserved=2)
    hospital = budget.share(4, kept=4)
    take(budget, hospital, census), take(budget, hospital, census)
    with pytest.raises(PoolTimeout):
        take(budget, hospital, census)
    take(budget, central, census), take(budget, central, census)
    assert census.open == 4


def test_what_is_reserved_is_not_closed_for_others(census: Census) -> None:
    budget = budget_of(3)
    central, hospital = budget.share(3, kept=3, reserved=2), budget.share(3, kept=3)
    held = [take(budget, central, census) for _ in range(3)]
    put(budget, central, *held)
    take(budget, hospital, census)
    with pytest.raises(PoolTimeout):
        take(budget, hospital, census)
    assert (central.open, hospital.open) == (2, 1)


def test_a_connection_that_could_not_be_opened_costs_nothing(census: Census) -> None:
    budget = budget_of(1)
    share = budget.share(1, kept=1)
    for _ in range(3):
        assert budget.take(share).record is None
        budget.abandon(share)
    assert budget.statistics().open == 0


def test_a_broken_connection_is_not_kept(census: Census) -> None:
    budget = budget_of(1)
    share = budget.share(1, kept=1)
    record = take(budget, share, census)
    record.close()
    put(budget, share, record)
    assert (share.open, len(share.idle)) == (0, 0)


def test_a_retired_share_keeps_nothing(census: Census) -> None:
    budget = budget_of(3)
    share = budget.share(3, kept=3)
    idle, used = take(budget, share, census), take(budget, share, census)
    put(budget, share, idle)
    budget.retire(share)
    assert census.open == 1
    put(budget, share, used)
    assert census.open == share.open == budget.statistics().open == 0


def test_what_a_peak_left_over_is_closed_after_a_while(census: Census) -> None:
    now = [0.0]
    budget = ConnectionBudget(9, timeout=1, monotonic=lambda: now[0])
    share = budget.share(9, kept=2)
    put(budget, share, *[take(budget, share, census) for _ in range(6)])
    assert share.open == 6
    for _ in range(10):
        now[0] += 11
        put(budget, share, take(budget, share, census))
    assert share.open == census.open == 2


def test_who_is_interrupted_while_waiting_leaves_nothing_behind(
    census: Census, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = budget_of(1)
    one, two = budget.share(1, kept=1), budget.share(1, kept=1)
    held = take(budget, one, census)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            put(budget, one, held)  # it is served at the very moment
            raise KeyboardInterrupt

    monkeypatch.setattr("app.core.budget.threading", SimpleNamespace(Event=Interrupted))
    with pytest.raises(KeyboardInterrupt):
        take(budget, two, census)
    facts = budget.statistics()
    assert (facts.open, facts.in_use, facts.waiting) == (0, 0, 0)


def test_many_threads_over_many_databases_keep_to_the_budget_and_leave_nothing_behind(census: Census) -> None:
    budget = budget_of(6, timeout=60)
    central = budget.share(4, kept=2, reserved=2)
    shares = [central, *(budget.share(3, kept=1) for _ in range(12))]

    def work(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(300):
            share = choose.choice(shares)
            record = take(budget, share, census)
            assert record.dbapi_connection is not None
            if choose.random() < 0.1:
                record.close()  # the server has ended it
            if choose.random() < 0.05:
                time.sleep(0.0005)
            put(budget, share, record)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    facts = budget.statistics()
    assert census.most <= 6
    assert (facts.in_use, facts.waiting, facts.timeouts) == (0, 0, 0)
    assert facts.open == facts.idle == census.open
    assert facts.evictions > 0
    for share in shares:
        budget.retire(share)
    assert budget.statistics().open == census.open == 0
