"""Figures say their ratio to the baseline and whether the target holds, in the layout that others read."""

from __future__ import annotations

import json

import pytest

from bench.harness.load import alternate
from bench.harness.results import Result, report

FAST = Result("worklist", 45.04, "pages/s", 50.0, 0.8)
SLOW = Result("worklist", 30.0, "pages/s", 50.0, 0.8)
DEAR = Result("binding", 60.0, "µs", 40.0, 1.0, at_most=True)


def test_json_is_one_object_a_line_with_the_agreed_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([FAST, DEAR], as_json=True) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line) for line in lines] == [["name", "value", "unit", "baseline", "ratio", "target", "holds"]] * 2
    assert lines[0] == {
        "name": "worklist", "value": 45.0, "unit": "pages/s", "baseline": 50.0, "ratio": 0.901, "target": 0.8,
        "holds": True,
    }  # fmt: skip


@pytest.mark.parametrize(("result", "holds"), [(FAST, True), (SLOW, False), (DEAR, False)])
def test_a_target_is_a_bound_from_below_or_from_above(result: Result, holds: bool) -> None:
    assert result.holds is holds
    assert ("holds" in result.as_line()) is holds
    assert ("MISSED" in result.as_line()) is not holds


def test_figures_are_printed_as_they_come_and_a_miss_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(iter([FAST]), as_json=False) == 0
    assert "0.90 x" in capsys.readouterr().out
    assert report(iter([FAST, SLOW]), as_json=False) == 1


def test_rounds_measure_each_side_once_and_change_who_begins() -> None:
    asked: list[str] = []
    rounds = list(alternate(2, lambda: len(asked.append("a") or asked), lambda: len(asked.append("b") or asked)))  # type: ignore[func-returns-value]
    assert asked == ["b", "a", "a", "b"]
    assert rounds == [(2, 1), (3, 4)]
