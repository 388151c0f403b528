"""A pass over many does not push out what is used again and again."""

from __future__ import annotations

from app.core.segmented import SegmentedLru


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def cache_of(size: int) -> tuple[SegmentedLru[str, str], Clock, list[tuple[str, bool]]]:
    clock, told = Clock(), []  # type: ignore[var-annotated]
    made: SegmentedLru[str, str] = SegmentedLru(size, lambda value, protected: told.append((value, protected)), clock)
    return made, clock, told


def visit(cache: SegmentedLru[str, str], key: str) -> list[str]:
    """Ask as a request does: several times at once."""
    gone = [] if cache.get(key) else cache.put(key, key.upper())
    assert cache.get(key) == key.upper()
    return gone


def test_the_longest_unused_goes_first() -> None:
    cache, _, _ = cache_of(3)
    for key in "abc":
        visit(cache, key)
    visit(cache, "a")
    assert visit(cache, "d") == ["B"]


def test_one_pass_over_everybody_leaves_those_who_are_used_again_and_again() -> None:
    cache, clock, _ = cache_of(10)
    regular = [f"regular {number}" for number in range(5)]
    for _ in range(3):
        clock.now += 5
        for key in regular:
            visit(cache, key)
    for number in range(200):
        visit(cache, f"passing {number}")
    assert all(cache.get(key) for key in regular)
    assert len(cache) == 10


def test_several_questions_of_one_request_are_one_use() -> None:
    cache, clock, told = cache_of(10)
    for _ in range(20):
        visit(cache, "a")
    assert told == []
    clock.now += 2
    visit(cache, "a")
    assert told == [("A", True)]


def test_the_protected_are_never_all_and_the_one_unused_the_longest_is_on_probation_again() -> None:
    cache, clock, told = cache_of(5)
    for key in "abcde":
        visit(cache, key)
    clock.now += 2
    for key in "abcde":
        visit(cache, key)
    assert told[-1] == ("A", False)
    assert visit(cache, "f") == ["A"]
    assert len(cache) == 5


def test_a_cache_for_one_keeps_the_newest() -> None:
    cache, clock, _ = cache_of(1)
    visit(cache, "a")
    clock.now += 2
    visit(cache, "a")
    assert visit(cache, "b") == ["A"]


def test_everything_can_be_forgotten() -> None:
    cache, _, _ = cache_of(5)
    for key in "abc":
        visit(cache, key)
    assert sorted(cache.clear()) == ["A", "B", "C"]
    assert len(cache) == 0
