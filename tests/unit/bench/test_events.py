"""Every row of the events' benchmark has a module that measures it."""

from __future__ import annotations

import pytest

from bench.events import ROWS, measure_of
from bench.harness.results import Result


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_somebody_who_measures_it(row: str) -> None:
    assert callable(measure_of(row))


def test_a_row_that_nobody_measures_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="events_nothing"):
        measure_of("nothing")


def test_seconds_near_one_keep_their_thousandths() -> None:
    shown = Result("sync_p95_seconds", 0.0412, "s", 1.0, 1.0, at_most=True).as_json()
    assert (shown["value"], shown["ratio"], shown["holds"]) == (0.041, 0.041, True)
