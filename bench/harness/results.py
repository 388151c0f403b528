"""How a figure is said: a line for people, or one JSON object a line with --json."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """A measured value beside its baseline. `ratio` is value to baseline; `target` is what the ratio must keep to."""

    name: str
    value: float
    unit: str
    baseline: float
    target: float
    at_most: bool = False

    @property
    def ratio(self) -> float:
        return self.value / self.baseline

    @property
    def holds(self) -> bool:
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    def as_json(self) -> dict[str, Any]:
        """Return the agreed fields."""
        facts = asdict(self) | {"ratio": round(self.ratio, 3), "holds": self.holds}
        order = ("name", "value", "unit", "baseline", "ratio", "target", "holds")
        return {name: _shown(facts[name]) if name in ("value", "baseline") else facts[name] for name in order}

    def as_line(self) -> str:
        """Return the figure as a sentence's worth of columns."""
        bound = "at most" if self.at_most else "at least"
        verdict = "holds" if self.holds else "MISSED"
        return (
            f"{self.name:<12}{self.ratio:>6.2f} x  ({self.value:,.1f} {self.unit}, baseline {self.baseline:,.1f})"
            f"  target {bound} {self.target}: {verdict}"
        )


def _shown(figure: float) -> float:
    """Round as far as figures differ from run to run: tenths, thousandths of what is near one (seconds, ratios)."""
    return round(figure, 1 if abs(figure) >= 10 else 3)


def options(description: str) -> argparse.Namespace:
    """Read the command line that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser.parse_args()


def report(results: Iterable[Result] | Iterator[Result], *, as_json: bool) -> int:
    """Print every figure as soon as it is there; return 1 where a target was missed."""
    missed = False
    for result in results:
        print(json.dumps(result.as_json(), ensure_ascii=False) if as_json else result.as_line(), flush=True)
        missed = missed or not result.holds
    return int(missed)


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    print(text, file=sys.stderr, flush=True)
