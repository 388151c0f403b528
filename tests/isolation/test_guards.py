"""Gate 5: what each guard keeps holds; take one away, and a named check fails."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest

from tests.isolation.asking import Stage
from tests.isolation.figures import LONG
from tests.isolation.guards import ALL_CHECKS, GUARDS, Check, Guard
from tests.support.platform import Platform


def test_every_check_holds_while_all_guards_stand(stage: Stage, platform: Platform) -> None:
    for check in ALL_CHECKS:
        check(stage, platform)
    assert stage.leaks == []


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
def test_a_guard_taken_away_is_missed(stage: Stage, platform: Platform, guard: Guard, record_property: Any) -> None:
    tried: tuple[Check, ...] = ALL_CHECKS if LONG else guard.missed_by
    failed = [check for check in tried if fails_without(guard, check, stage, platform)]
    for check in guard.missed_by:
        assert check in failed, f"{check.__name__} holds without {guard.name} ({guard.what}): it proves nothing"
    names = [check.__name__ for check in failed]
    record_property("isolation", {"gate": "guards", "guard": guard.name, "what": guard.what, "broke": names})


def fails_without(guard: Guard, check: Check, stage: Stage, platform: Platform) -> bool:
    """Tell whether a check fails while a guard is away: its named one by what it asserts, any other in any way.

    It is tried in a context of its own: what stays bound without the guard ends there.
    """
    proving = (AssertionError, pytest.fail.Exception)

    def try_it() -> None:
        with guard.remove(stage, platform):
            check(stage, platform)

    try:
        copy_context().run(try_it)
    except proving:
        return True
    except Exception:
        if check in guard.missed_by:
            raise
        return True
    return False
