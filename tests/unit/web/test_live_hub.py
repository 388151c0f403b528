"""Whose streams are looked after when somebody has as many as one may have."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from flask import Flask

from app.web.live_hub import Holder, Hub, Stream, TooManyStreams

TOPICS = frozenset({"queue"})


def holder(account: str) -> Holder:
    return Holder("alpha", "hospital", account, "token", None, frozenset())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that neither listens nor asks again."""

    def check(_holder: Holder, _streams: Iterable[Stream]) -> None:
        raise AssertionError

    monkeypatch.setattr(Hub, "_start", lambda _hub: None)
    return Hub(Flask("app"), check, most=10, most_of_one=2)


def test_who_has_too_many_has_the_closed_ones_among_them_found_out(hub: Hub) -> None:
    own, other = [hub.open(holder("an"), TOPICS) for _ in range(2)], hub.open(holder("binh"), TOPICS)
    with pytest.raises(TooManyStreams):
        hub.open(holder("an"), TOPICS)
    assert [stream._wake.is_set() for stream in (*own, other)] == [True, True, False]
    assert own[0].take(60) == []  # nothing to tell: a line that shows whether the page is there
    hub.close(own[0])
    assert hub.open(holder("an"), TOPICS) not in own
