"""Provinces of Vietnam: the 34 of addresses since July 2025, and the 63 that identity numbers begin with.

Addresses: Decision 19/2025/QĐ-TTg. Identity numbers: Circular 07/2016/TT-BCA, appendix 1; the codes of
provinces that were merged in 2025 stay valid in the numbers of those who were registered there.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


@cache
def provinces() -> dict[str, str]:
    """Return the present provinces and cities by their two-digit code."""
    return _read("provinces_2025.csv")


@cache
def provinces_of_birth() -> dict[str, str]:
    """Return the provinces under which births were registered, by their three-digit code."""
    return _read("provinces_of_birth.csv")


def _read(name: str) -> dict[str, str]:
    table = resources.files("app.core").joinpath("data", name).read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(table.splitlines())}
