"""Tables written out for other programs: CSV whose cells no spreadsheet takes for a formula, and JSON Lines.

A cell that begins with what a spreadsheet would calculate gets an apostrophe before it (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads Vietnamese as Latin


def csv_lines(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write rows as CSV, a piece at a time."""
    yield BYTE_ORDER_MARK + _line(names)
    for row in rows:
        yield _line([escape_cell(_text(row.get(name))) for name in names])


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write rows as one JSON object a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, default=str) + "\n"


def escape_cell(text: str) -> str:
    """Return a cell that stays text in a spreadsheet."""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
