"""The matrix as it is kept: one line per route and method, in words and numbers that a person can read.

A cell of answers is one status for all who are meant, or `doctor nurse: 200; administrator: 403`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("matrix.csv")
UNREVIEWED = "?"
NOTHING = "-"
REFUSED = 403
DRAFT = "python -m tests.isolation.draft"


@dataclass(frozen=True, slots=True)
class Line:
    """What a route answers to whom."""

    portal: str
    method: str
    address: str
    what: str
    may: str
    others_of_portal: str
    another_patients: str
    elsewheres: str
    nobody: str
    strangers: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells lines apart."""
        return self.method, self.address

    @property
    def is_reviewed(self) -> bool:
        """Tell whether somebody has read the line."""
        return not self.what.startswith(UNREVIEWED)


HEADER = (
    "portal",
    "method",
    "address",
    "what it is",
    "who may, and gets",
    "the others of this portal get",
    "another patient's object",
    "an object of another hospital or portal",
    "nobody, or somebody signed out, gets",
    "people of other portals and hospitals get",
)


def read_matrix() -> dict[tuple[str, str], Line]:
    """Return the lines by method and address."""
    with FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    lines = [Line(*row) for row in rows]
    found = {line.key: line for line in lines}
    assert len(found) == len(lines), "a route stands twice in the matrix"
    return found


def write_matrix(lines: Iterable[Line]) -> None:
    """Write the lines in their order."""
    with FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        ordered = sorted(lines, key=lambda line: (line.portal, line.address, line.method))
        writer.writerows(astuple(line) for line in ordered)


def write_cell(answers: Mapping[str, int]) -> str:
    """Write who gets what, as short as it can be read."""
    if not answers:
        return NOTHING
    if len(set(answers.values())) == 1:
        return str(next(iter(answers.values())))
    return _name_each(answers, answers)


def write_who_may(answers: Mapping[str, int]) -> tuple[str, str]:
    """Write who of a portal may and what they get, and what the others of the portal get."""
    allowed = {name: status for name, status in answers.items() if status != REFUSED}
    others = str(REFUSED) if REFUSED in answers.values() else NOTHING
    return _name_each(allowed, answers) or NOTHING, others


def _name_each(answers: Mapping[str, int], everybody: Iterable[str]) -> str:
    by_status: dict[int, list[str]] = defaultdict(list)
    for name, status in answers.items():
        by_status[status].append(name)
    return "; ".join(f"{_names(names, list(everybody))}: {status}" for status, names in sorted(by_status.items()))


def _names(names: list[str], everybody: list[str]) -> str:
    """Say `all but` of the few who are left out, where that is shorter."""
    missing = [name for name in everybody if name not in names]
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}" if len(missing) < len(names) - 1 else ", ".join(names)
