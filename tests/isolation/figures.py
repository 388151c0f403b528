"""What the gates covered, told by each test and shown together at the end; and how long the gates may take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

# `make isolation` says 1 here: more examples, more rounds, more of what takes long.
LONG = os.environ.get("ISOLATION_LONG") == "1"
PROPERTY = "isolation"


def most(ordinary: int, long: int) -> int:
    """Return how much of something is done, in the ordinary tests or in the long run."""
    return long if LONG else ordinary


def told(reports: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Return what the tests told, also those of other processes."""
    return [figures for report in reports for name, figures in report.user_properties if name == PROPERTY]


def table(figures: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines that show the figures."""
    lines, broken = [], []
    for told_ in sorted(figures, key=lambda each: (str(each["gate"]), str(each.get("part", "")))):
        if told_["gate"] == "guards":
            broken.append((told_["guard"], told_["what"], told_["broke"]))
            continue
        facts = ", ".join(f"{value:,} {name}" if isinstance(value, int) else f"{value}" for name, value in told_.items()
                          if name not in ("gate", "part"))  # fmt: skip
        lines.append(f"{told_['gate']:<10} {told_.get('part', ''):<22} {facts}")
    if broken:
        lines += ["", f"{'guard taken away':<26} what then fails"]
    for guard, what, broke in broken:
        lines.append(f"{guard:<26} {what}")
        lines += [f"{'':<26}   {name}" for name in broke]
    return lines
